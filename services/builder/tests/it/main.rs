//! Contract suites of the builder's store and executors.

#[macro_use]
mod worlds;
mod buildah;
mod executor;
mod log_sink;
mod store;
mod worker;
