#![doc = include_str!("../README.md")]

mod client;
mod port;

pub use client::GrpcAuthorizer;
pub use port::{Authorizer, Decision, ObjectQuery, Registration, SubjectQuery};
