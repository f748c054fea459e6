//! Contract suites of the builder's store and executors, its worker, its events.

mod buildah;
mod events;
mod executor;
mod log_sink;
mod store;
mod worker;
mod worlds;
