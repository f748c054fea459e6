//! Contract suites of the builder's store and executors.

mod executor;
mod store;
mod worlds;
