//! The shell of a service as its callers meet it: over a real connection, with a stub behind it.

mod deadline;
mod drain;
mod limits;
mod reflection;
mod world;
