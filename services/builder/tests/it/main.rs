//! Contract suites of the builder's store and executors.

#[macro_use]
mod worlds;
mod executor;
mod store;
mod worker;
