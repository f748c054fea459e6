#![doc = include_str!("../README.md")]

mod client;
mod doubles;
mod port;

pub use client::GrpcAuthorizer;
pub use doubles::{AllowAll, DenyAll};
pub use port::{Authorizer, Decision, ObjectQuery, Registration, SubjectQuery};
