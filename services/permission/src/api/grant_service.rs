//! GrantService, with the feed of the projections.

use std::{pin::Pin, time::Duration};

use futures_util::{Stream, StreamExt as _, stream};
use slipway_database::micros;
use slipway_fault::Fault;
use slipway_identity::{ServiceName, caller};
use slipway_names::{grant::ObjectKind, id::ObjectId};
use slipway_paging::Page;
use slipway_wire::permission::v1::{
    self as wire, grant_service_server::GrantService, watch_grants_response::Event,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::{
    api::{Api, convert, request::key_of},
    app::CreateGrant,
    outbound::{grant_to_wire, membership_to_wire},
    store::{Snapshot, Store},
};

const HEARTBEAT: Duration = Duration::from_secs(1);
/// Changes of other replicas are found by looking.
const POLL: Duration = Duration::from_millis(200);
/// Rows of one message of a snapshot.
const SNAPSHOT_PART: usize = 5_000;

type Feed = Pin<Box<dyn Stream<Item = Result<wire::WatchGrantsResponse, Status>> + Send>>;

#[tonic::async_trait]
impl GrantService for Api {
    type WatchGrantsStream = Feed;

    async fn create_grant(
        &self,
        request: Request<wire::CreateGrantRequest>,
    ) -> Result<Response<wire::CreateGrantResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let key = key_of(&caller, "CreateGrant", &request.request_id, &request)?;
        let grant = request.grant.ok_or_else(|| Fault::field("grant", "is missing"))?;
        let expire = grant
            .expire_time
            .map(|time| chrono::DateTime::try_from(time).map(micros))
            .transpose()
            .map_err(|_| Fault::field("grant.expire_time", "is not a time"))?;
        let create = CreateGrant {
            object: self.object_id(grant.object, "grant.object").await?,
            subject: convert::subject(grant.subject, "grant.subject")?,
            role: convert::role(grant.role, "grant.role")?,
            expire,
        };
        let (grant, kind, revision) = self.app.create_grant(&caller, create, key).await?;
        Ok(Response::new(wire::CreateGrantResponse {
            grant: Some(grant_to_wire(&grant, kind)),
            consistency_token: revision.to_string(),
        }))
    }

    async fn delete_grant(
        &self,
        request: Request<wire::DeleteGrantRequest>,
    ) -> Result<Response<wire::DeleteGrantResponse>, Status> {
        let caller = caller(&request)?;
        let revision = self
            .app
            .delete_grant(&caller, convert::id(&request.into_inner().grant_id, "grant_id")?)
            .await?;
        Ok(Response::new(wire::DeleteGrantResponse { consistency_token: revision.to_string() }))
    }

    async fn list_grants(
        &self,
        request: Request<wire::ListGrantsRequest>,
    ) -> Result<Response<wire::ListGrantsResponse>, Status> {
        let caller = caller(&request)?;
        let user = caller.require_user()?.id.to_string();
        let request = request.into_inner();
        let object = self.object_id(request.object, "object").await?;
        let page = Page::parse(
            request.page_size,
            &request.page_token,
            &[&user, "grants", &object.to_string()],
            1,
        )?;
        let mut grants = self.app.grants(&caller, object, &page).await?;
        let next_page_token = page.cut(&mut grants, |(grant, _)| vec![grant.id.to_string()]);
        let grants = grants.iter().map(|(grant, kind)| grant_to_wire(grant, *kind)).collect();
        Ok(Response::new(wire::ListGrantsResponse { grants, next_page_token }))
    }

    async fn watch_grants(
        &self,
        request: Request<wire::WatchGrantsRequest>,
    ) -> Result<Response<Feed>, Status> {
        // A service's token is made for the call that opens the stream, so its end is not the stream's.
        caller(&request)?.require_service(&[ServiceName::Catalog, ServiceName::Builder])?;
        let request = request.into_inner();
        let store = self.app.store().clone();
        let knows = request.revision > 0 && store.knows(request.revision, &request.hash).await?;
        let (first, revision) = match knows {
            true => (Vec::new(), request.revision),
            false => {
                let snapshot = store.snapshot().await?;
                let revision = snapshot.revision;
                (parts(&snapshot), revision)
            }
        };
        let changes = store.changes();
        let follow = stream::unfold(
            Follow { store, changes, revision, stop: self.stop.clone() },
            Follow::next,
        )
        .flat_map(stream::iter);
        Ok(Response::new(Box::pin(stream::iter(first.into_iter().map(Ok)).chain(follow))))
    }
}

struct Follow {
    store: Store,
    changes: watch::Receiver<()>,
    revision: i64,
    stop: CancellationToken,
}

impl Follow {
    /// The next changes, or a heartbeat after a second without any.
    async fn next(mut self) -> Option<(Vec<Result<wire::WatchGrantsResponse, Status>>, Self)> {
        let began = tokio::time::Instant::now();
        loop {
            if self.stop.is_cancelled() {
                return None;
            }
            self.changes.mark_unchanged();
            let entries = match self.store.changes_after(self.revision).await {
                Ok(entries) => entries,
                Err(fault) => {
                    self.stop = CancellationToken::new();
                    self.stop.cancel();
                    return Some((vec![Err(fault.into())], self));
                }
            };
            if let Some(last) = entries.last() {
                self.revision = last.revision;
                let changes = entries.into_iter().map(|entry| {
                    Event::Change(wire::GrantsChange {
                        revision: entry.revision,
                        hash: entry.hash,
                        mutations: entry.mutations,
                    })
                });
                return Some((changes.map(|event| Ok(response(event))).collect(), self));
            }
            if began.elapsed() >= HEARTBEAT {
                return Some((
                    vec![Ok(response(Event::Heartbeat(wire::GrantsHeartbeat {
                        revision: self.revision,
                    })))],
                    self,
                ));
            }
            tokio::select! {
                _ = self.changes.changed() => {}
                () = self.stop.cancelled() => return None,
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }
}

fn response(event: Event) -> wire::WatchGrantsResponse {
    wire::WatchGrantsResponse { event: Some(event) }
}

fn parts(snapshot: &Snapshot) -> Vec<wire::WatchGrantsResponse> {
    let mut grants = snapshot.grants.chunks(SNAPSHOT_PART);
    let mut memberships = snapshot.memberships.chunks(SNAPSHOT_PART);
    let count = grants.len().max(memberships.len()).max(1);
    (1..=count)
        .map(|part| {
            response(Event::Snapshot(wire::GrantsSnapshot {
                revision: snapshot.revision,
                hash: snapshot.hash.clone(),
                grants: grants
                    .next()
                    .unwrap_or_default()
                    .iter()
                    .map(|(grant, kind)| grant_to_wire(grant, *kind))
                    .collect(),
                memberships: memberships
                    .next()
                    .unwrap_or_default()
                    .iter()
                    .map(membership_to_wire)
                    .collect(),
                last: part == count,
            }))
        })
        .collect()
}

impl Api {
    /// A group may be named; one that is not there is as good as one that is not seen.
    async fn object_id(
        &self,
        object: Option<wire::ObjectReference>,
        field: &str,
    ) -> Result<ObjectId, Fault> {
        let object = object.ok_or_else(|| Fault::field(field, "is missing"))?;
        match convert::object_kind(object.kind, &format!("{field}.kind"))? {
            ObjectKind::Platform if object.id.is_empty() => Ok(ObjectId::PLATFORM),
            ObjectKind::Platform => {
                Err(Fault::field(format!("{field}.id"), "must be empty: there is one platform"))
            }
            ObjectKind::Group => Ok(self
                .app
                .store()
                .group(&object.id)
                .await?
                .map_or(ObjectId::ABSENT, |group| group.id.into())),
            ObjectKind::Image => convert::id(&object.id, &format!("{field}.id")),
        }
    }
}
