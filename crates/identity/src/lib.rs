#![doc = include_str!("../README.md")]

mod caller;
mod claims;
mod issuer;
mod jwks;
mod layer;
mod signer;
mod signing_key;
mod token_cache;
mod verifier;

pub use caller::{Caller, ON_BEHALF_OF, ServiceName, User};
pub use issuer::{AUDIENCE, DEVELOPMENT_ISSUER, Issuer};
pub use layer::{IdentityLayer, caller};
pub use signer::{DevelopmentIssuer, ServiceSigner};
pub use signing_key::{InvalidKey, SigningKey};
pub use verifier::{Settings, Verifier};
