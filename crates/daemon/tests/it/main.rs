//! A served process, tested over real connections with a stub service.

mod deadline;
mod drain;
mod fixture;
mod latency;
mod limits;
mod readiness;
mod reflection;
