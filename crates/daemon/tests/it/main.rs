//! A served process, tested over real connections with a stub service.

mod deadline;
mod drain;
mod fixture;
mod limits;
mod reflection;
