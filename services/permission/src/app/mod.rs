//! Use cases of permission: authorize the caller, then change or read the store.

mod check;
mod event;
pub mod feed;
mod grant;
pub mod group;
mod object;
mod response;
mod subject;
pub mod user;

use std::sync::Arc;

use crate::store::Store;

/// All use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    store: Store,
    /// The configured issuers of users' tokens.
    issuers: Arc<Vec<String>>,
}

impl App {
    /// `issuers` are the configured issuers of users' tokens.
    pub fn new(store: Store, issuers: Vec<String>) -> Self {
        Self { store, issuers: Arc::new(issuers) }
    }
}
