//! Permission as a test wants it, and a catalog that asks it.

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::json;
use slipway_authorizer::{Authorizer, Decision, ObjectQuery, Registration};
use slipway_catalog::app::{App, Site};
use slipway_fault::{Fault, Reason};
use slipway_identity::{
    AUDIENCE, Caller, DEVELOPMENT_ISSUER, DevelopmentIssuer, Issuer, Settings, SigningKey, Verifier,
};
use slipway_names::{
    grant::Role,
    id::{ObjectId, UserId},
};
use slipway_packages::Policy;
use slipway_registry::Registries;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::worlds::World;

type Refusal = dyn Fn(&Registration) -> Option<Reason> + Send + Sync;

/// Everybody may do everything; registrations fail as told, and groups called `hidden…` are not seen.
pub(crate) struct Scripted {
    refusal: Box<Refusal>,
    pub(crate) removed: Mutex<Vec<ObjectId>>,
}

impl Scripted {
    pub(crate) fn new(
        refusal: impl Fn(&Registration) -> Option<Reason> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { refusal: Box::new(refusal), removed: Mutex::default() })
    }
}

/// The id of a group by its name.
pub(crate) fn group(name: &str) -> Uuid {
    UserId::derive("group", name).0
}

fn decision(is_seen: bool, object: Uuid, name: &str) -> Decision {
    Decision {
        allowed: is_seen,
        visible: is_seen,
        object: is_seen.then_some(ObjectId(object)),
        name: name.to_owned(),
        revision: 1,
    }
}

#[async_trait]
impl Authorizer for Scripted {
    async fn check(&self, _: &Caller, object: ObjectQuery, _: Role) -> Result<Decision, Fault> {
        Ok(match object {
            ObjectQuery::Platform => decision(true, ObjectId::PLATFORM.0, ""),
            ObjectQuery::Group(id) if id == group("vision").to_string() => {
                decision(true, group("vision"), "vision")
            }
            ObjectQuery::Group(name) => decision(!name.starts_with("hidden"), group(&name), &name),
            ObjectQuery::Id(_, id) => decision(true, id.0, ""),
        })
    }

    async fn register(&self, registration: Registration) -> Result<i64, Fault> {
        match (self.refusal)(&registration) {
            Some(reason) => Err(Fault::new(
                reason,
                "the permission service cannot be reached, and nothing was changed; try again",
            )),
            None => Ok(7),
        }
    }

    async fn remove(&self, object: ObjectId) -> Result<i64, Fault> {
        self.removed.lock().await.push(object);
        Ok(8)
    }

    async fn ping(&self) -> Result<(), Fault> {
        Ok(())
    }
}

/// The use cases over this world's store.
pub(crate) fn app(world: &World, permission: &Arc<Scripted>) -> App {
    slipway_daemon::install_crypto_provider();
    let site = Site {
        registry: "localhost:5000".to_owned(),
        policy: Policy::default(),
        access_stale: Duration::from_secs(600),
        waiting_builds_per_owner: 1,
    };
    App::new(
        world.store.clone(),
        permission.clone(),
        Registries::new(&slipway_registry::Settings::default()),
        site,
    )
}

/// A signed-in user, as the identity layer tells of it.
pub(crate) async fn caller(folder: &Path, subject: &str) -> Caller {
    slipway_daemon::install_crypto_provider();
    let (key_file, jwks_file) = (folder.join("development.pem"), folder.join("development.json"));
    let key = SigningKey::read_or_create(&key_file, "development").unwrap();
    std::fs::write(&jwks_file, json!({ "keys": [key.jwk()] }).to_string()).unwrap();
    let token =
        DevelopmentIssuer::new(key).token(subject, AUDIENCE, Duration::from_secs(600)).unwrap();
    let issuer = Issuer {
        issuer: DEVELOPMENT_ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        jwks_url: String::new(),
        jwks_file: jwks_file.clone(),
    };
    let verifier = Verifier::new(Settings {
        issuers: vec![issuer],
        service_jwks_file: jwks_file,
        service_key_file: key_file,
    });
    verifier.refresh().await.unwrap();
    verifier.verify(&token, None).await.unwrap()
}
