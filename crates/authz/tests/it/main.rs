//! The projection and the access condition, on both databases.

mod condition;
mod fixtures;
mod projection;
mod state;
