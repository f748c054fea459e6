//! Contract suites of the builder's store and executors, and tests of its worker and its events.

mod build;
mod buildah;
mod events;
mod executor;
mod fixtures;
mod log;
mod push;
mod store;
mod worker;
