//! Applying what the feed brings, each in one transaction.

use aws_lc_rs::digest::{SHA256, digest};
use prost::Message as _;
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, Value};
use slipway_database::Database;
use slipway_fault::Fault;
use slipway_names::{
    grant::{Role, SubjectKind},
    id::ObjectId,
};
use slipway_outbox::lease;
use slipway_wire::permission::v1::{
    self as wire, Grant, GrantMutations, GrantsChange, GrantsSnapshot, Membership,
    grant_mutation::Mutation,
};
use uuid::Uuid;

/// The lease of the one applier.
pub(crate) const LEASE: &str = "access-feed";
/// Any number, the same for all appliers.
const LOCK: i64 = 0x51_1b_0c;
/// Before the stored hash once something was not understood. Permission knows no such hash, so that the next stream begins with a snapshot,
/// which a newer version may understand.
const PARTIAL: &str = "partial:";

/// Whether the feed fits what is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// Done, or known already.
    Yes,
    /// A change is missing, or history differs: a snapshot is needed.
    Mismatch,
    /// Another applier holds the lease.
    NotMine,
}

/// A transaction in which this applier, and no other, writes the projection; `None` when another one holds the lease.
async fn begin_as(database: &Database, holder: Uuid) -> Result<Option<DatabaseTransaction>, Fault> {
    let transaction = database.begin().await?;
    database.serialize(&transaction, LOCK).await?;
    Ok(lease::hold(database, &transaction, LEASE, holder).await?.then_some(transaction))
}

/// Replaces everything.
pub async fn apply_snapshot(
    database: &Database,
    holder: Uuid,
    snapshot: &GrantsSnapshot,
) -> Result<Applied, Fault> {
    let Some(transaction) = begin_as(database, holder).await? else { return Ok(Applied::NotMine) };
    for table in ["access_grant", "access_member", "access_platform"] {
        transaction.execute_raw(database.statement(format!("delete from {table}"), [])).await?;
    }
    execute(
        database,
        &transaction,
        "insert into access_platform (object_id) values ($1)",
        [ObjectId::PLATFORM.0.into()],
    )
    .await?;
    let mut is_whole = true;
    for grant in &snapshot.grants {
        is_whole &= put_grant(database, &transaction, grant).await?;
    }
    for membership in &snapshot.memberships {
        put_membership(database, &transaction, membership).await?;
    }
    if !is_whole {
        tell_of_unknown(snapshot.revision);
    }
    put_head(database, &transaction, snapshot.revision, &snapshot.hash, is_whole).await?;
    transaction.commit().await?;
    Ok(Applied::Yes)
}

/// Applies one change if it is the next one of the same history.
pub async fn apply_change(
    database: &Database,
    holder: Uuid,
    change: &GrantsChange,
) -> Result<Applied, Fault> {
    let Some(transaction) = begin_as(database, holder).await? else { return Ok(Applied::NotMine) };
    let row = transaction
        .query_one_raw(database.statement("select revision, hash from access_state", []))
        .await?;
    let row = row.ok_or_else(|| Fault::internal("access_state has no row"))?;
    let (revision, stored): (i64, String) =
        (row.try_get("", "revision")?, row.try_get("", "hash")?);
    let (hash, was_whole) = match stored.strip_prefix(PARTIAL) {
        Some(hash) => (hash, false),
        None => (stored.as_str(), true),
    };
    if change.revision != revision + 1 || change.hash != next_hash(hash, &change.mutations) {
        return Ok(Applied::Mismatch);
    }
    let mutations = GrantMutations::decode(change.mutations.as_slice()).map_err(Fault::internal)?;
    let mut is_known = true;
    for mutation in mutations.mutations {
        is_known &= apply(database, &transaction, mutation.mutation).await?;
    }
    if was_whole && !is_known {
        tell_of_unknown(change.revision);
    }
    put_head(database, &transaction, change.revision, &change.hash, was_whole && is_known).await?;
    transaction.commit().await?;
    Ok(Applied::Yes)
}

/// Whether this version knows what it was told.
async fn apply(
    database: &Database,
    transaction: &DatabaseTransaction,
    mutation: Option<Mutation>,
) -> Result<bool, Fault> {
    match mutation {
        Some(Mutation::PutGrant(grant)) => return put_grant(database, transaction, &grant).await,
        Some(Mutation::DeleteGrantId(id)) => delete_grant(database, transaction, &id).await?,
        Some(Mutation::PutMembership(membership)) => {
            put_membership(database, transaction, &membership).await?
        }
        Some(Mutation::DeleteMembership(membership)) => {
            let values = [uuid(&membership.user_id)?.into(), uuid(&membership.group_id)?.into()];
            execute(
                database,
                transaction,
                "delete from access_member where user_id = $1 and group_id = $2",
                values,
            )
            .await?;
        }
        None => return Ok(false),
    }
    Ok(true)
}

async fn put_head(
    database: &Database,
    transaction: &DatabaseTransaction,
    revision: i64,
    hash: &str,
    is_whole: bool,
) -> Result<(), Fault> {
    let now = database.now(transaction).await?;
    let hash = if is_whole { hash.to_owned() } else { format!("{PARTIAL}{hash}") };
    let sql = "update access_state set revision = $1, hash = $2, heard = $3";
    execute(database, transaction, sql, [revision.into(), hash.into(), now.into()]).await
}

fn tell_of_unknown(revision: i64) {
    tracing::error!(
        access.revision = revision,
        "permission told of grants that this version does not know; they give nothing here until a newer version has taken a snapshot"
    );
}

/// sha256(previous hash ‖ mutations), hexadecimal.
fn next_hash(previous: &str, mutations: &[u8]) -> String {
    let bytes = [previous.as_bytes(), mutations].concat();
    digest(&SHA256, &bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `false` where its subject or role is not known: then it gives nothing, and neither does what it replaces.
async fn put_grant(
    database: &Database,
    transaction: &DatabaseTransaction,
    grant: &Grant,
) -> Result<bool, Fault> {
    let object =
        grant.object.as_ref().map(|object| uuid(&object.id)).transpose()?.unwrap_or_default();
    let subject = grant.subject.clone().unwrap_or_default();
    let (Some(kind), Some(role)) = (subject_kind(subject.kind()), role(grant.role())) else {
        delete_grant(database, transaction, &grant.id).await?;
        return Ok(false);
    };
    let subject_id = if subject.id.is_empty() { None } else { Some(uuid(&subject.id)?) };
    let expire =
        grant.expire_time.map(|time| time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000);
    let sql = "insert into access_grant (id, object_id, subject_kind, subject_id, role, expire) values ($1, $2, $3, $4, $5, $6)
        on conflict (id) do update set role = excluded.role, expire = excluded.expire";
    let values: [Value; 6] = [
        uuid(&grant.id)?.into(),
        object.into(),
        kind.as_str().into(),
        subject_id.into(),
        role.rank().into(),
        expire.into(),
    ];
    execute(database, transaction, sql, values).await?;
    Ok(true)
}

fn subject_kind(kind: wire::SubjectKind) -> Option<SubjectKind> {
    match kind {
        wire::SubjectKind::Unspecified => None,
        wire::SubjectKind::User => Some(SubjectKind::User),
        wire::SubjectKind::Group => Some(SubjectKind::Group),
        wire::SubjectKind::GroupAdmins => Some(SubjectKind::GroupAdmins),
        wire::SubjectKind::Everyone => Some(SubjectKind::Everyone),
    }
}

fn role(role: wire::Role) -> Option<Role> {
    match role {
        wire::Role::Unspecified => None,
        wire::Role::Reader => Some(Role::Reader),
        wire::Role::Writer => Some(Role::Writer),
        wire::Role::Manager => Some(Role::Manager),
    }
}

async fn delete_grant(
    database: &Database,
    transaction: &DatabaseTransaction,
    id: &str,
) -> Result<(), Fault> {
    execute(database, transaction, "delete from access_grant where id = $1", [uuid(id)?.into()])
        .await
}

async fn put_membership(
    database: &Database,
    transaction: &DatabaseTransaction,
    membership: &Membership,
) -> Result<(), Fault> {
    let sql = "insert into access_member (user_id, group_id, admin) values ($1, $2, $3) on conflict (user_id, group_id) do update set admin = excluded.admin";
    execute(
        database,
        transaction,
        sql,
        [
            uuid(&membership.user_id)?.into(),
            uuid(&membership.group_id)?.into(),
            membership.admin.into(),
        ],
    )
    .await
}

async fn execute<const N: usize>(
    database: &Database,
    transaction: &DatabaseTransaction,
    sql: &str,
    values: [Value; N],
) -> Result<(), Fault> {
    transaction.execute_raw(database.statement(sql, values)).await?;
    Ok(())
}

fn uuid(text: &str) -> Result<Uuid, Fault> {
    Uuid::try_parse(text)
        .map_err(|error| Fault::internal(format!("the grant feed brought `{text}`: {error}")))
}
