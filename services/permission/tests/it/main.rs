//! Contract of the permission service on each database, called through its RPCs inside the process.

mod check;
mod entities;
mod feed;
mod fixtures;
mod grant;
mod group;
mod object;
mod user;
