//! gRPC clients of other services.

pub(crate) mod catalog;
