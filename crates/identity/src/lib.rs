#![doc = include_str!("../README.md")]

mod caller;
mod keys;
mod layer;
mod signer;
mod verifier;

pub use caller::{Caller, ON_BEHALF_OF, ServiceName, User};
pub use keys::{InvalidKey, SigningKey};
pub use layer::{IdentityLayer, caller};
pub use signer::{DevelopmentIssuer, ServiceSigner};
pub use verifier::{AUDIENCE, DEVELOPMENT_ISSUER, Issuer, Settings, Verifier};
