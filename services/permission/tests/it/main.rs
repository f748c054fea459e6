//! Contract of the permission service on each database, called over its RPCs within the process.

mod checks;
mod feed;
mod grants;
mod groups;
mod objects;
mod users;
mod worlds;
