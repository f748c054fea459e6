#![doc = include_str!("../README.md")]

mod caller;
mod issuer;
mod jwks;
mod keys;
mod layer;
mod signer;
mod verifier;

pub use caller::{Caller, ON_BEHALF_OF, ServiceName, User};
pub use issuer::{AUDIENCE, DEVELOPMENT_ISSUER, Issuer};
pub use keys::{InvalidKey, SigningKey};
pub use layer::{IdentityLayer, caller};
pub use signer::{DevelopmentIssuer, ServiceSigner};
pub use verifier::{Settings, Verifier};
