//! Applies snapshots and changes of the grant feed, each in one transaction.

use std::{fmt::Display, str::FromStr};

use prost::Message as _;
use sea_orm::{
    DatabaseTransaction, EntityTrait as _, IntoActiveModel as _, Set, sea_query::OnConflict,
};
use slipway_database::{Database, StoreError, column::Text, lease};
use slipway_names::{
    id::{GrantId, ObjectId},
    unit::{Micros, PolicyVersion},
};
use slipway_wire::permission::v1::{
    Grant, GrantMutations, GrantsChange, GrantsSnapshot, Membership, grant_mutation::Mutation,
};
use uuid::Uuid;

use crate::{
    projection::{
        entities::{access_grants, access_members, access_state},
        hash::change_hash,
        state::read_state,
    },
    role::Role,
    subject::SubjectKind,
};

/// The lease that elects the applier of a database.
pub(crate) const LEASE: &str = "access-feed";
/// Key of the advisory lock of appliers: the same in all replicas, and different from the other
/// locks of the service's database.
const APPLIER_LOCK: i64 = 0x51_1b_0c;
/// Marks the stored hash when this version did not know a grant. Permission knows no such hash, so
/// the next stream begins with a snapshot, which a newer version may understand completely.
const INCOMPLETE_PREFIX: &str = "partial:";
/// Rows of one statement of a snapshot. SQLite allows 32,766 values in a statement.
const ROWS_PER_INSERT: usize = 1_000;

/// The result of applying a snapshot or a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyOutcome {
    Applied,
    /// A change is missing, or the history differs: a snapshot is needed.
    Mismatch,
    /// Another applier holds the lease.
    NotHolder,
}

/// The projection's place in permission's history of changes.
struct Head {
    policy_version: PolicyVersion,
    hash: String,
    /// Whether this code knew every grant up to the policy version.
    is_complete: bool,
}

/// Replaces the whole projection.
///
/// # Errors
/// [`StoreError`]: a malformed id or version is a defect.
pub async fn apply_snapshot(
    database: &Database,
    holder: Uuid,
    snapshot: &GrantsSnapshot,
) -> Result<ApplyOutcome, StoreError> {
    let Some(transaction) = begin_as_applier(database, holder).await? else {
        return Ok(ApplyOutcome::NotHolder);
    };

    let grants: Vec<_> = snapshot.grants.iter().map(grant_row).collect::<Result<_, _>>()?;
    let is_complete = grants.iter().all(Option::is_some);
    let grants: Vec<_> = grants.into_iter().flatten().collect();
    let memberships: Vec<_> =
        snapshot.memberships.iter().map(membership_row).collect::<Result<_, _>>()?;

    clear_projection(&transaction).await?;
    insert_grants(&transaction, &grants).await?;
    insert_memberships(&transaction, &memberships).await?;

    if !is_complete {
        log_unknown_grants(snapshot.policy_version);
    }
    let head = Head {
        policy_version: policy_version(snapshot.policy_version)?,
        hash: snapshot.hash.clone(),
        is_complete,
    };
    store_head(database, &transaction, head).await?;
    transaction.commit().await?;

    Ok(ApplyOutcome::Applied)
}

/// Applies one change if it directly follows the projection's version and hash.
///
/// # Errors
/// [`StoreError`]: a malformed change is a defect.
pub async fn apply_change(
    database: &Database,
    holder: Uuid,
    change: &GrantsChange,
) -> Result<ApplyOutcome, StoreError> {
    let Some(transaction) = begin_as_applier(database, holder).await? else {
        return Ok(ApplyOutcome::NotHolder);
    };

    let head = load_head(&transaction).await?;
    let next_version = head.policy_version.next();
    if change.policy_version != next_version.get()
        || change.hash != change_hash(&head.hash, &change.mutations)
    {
        return Ok(ApplyOutcome::Mismatch);
    }

    let mutations =
        GrantMutations::decode(change.mutations.as_slice()).map_err(StoreError::defect)?;
    let mut is_known = true;
    for mutation in mutations.mutations {
        is_known &= apply_mutation(&transaction, mutation.mutation).await?;
    }

    if head.is_complete && !is_known {
        log_unknown_grants(change.policy_version);
    }
    let head = Head {
        policy_version: next_version,
        hash: change.hash.clone(),
        is_complete: head.is_complete && is_known,
    };
    store_head(database, &transaction, head).await?;
    transaction.commit().await?;

    Ok(ApplyOutcome::Applied)
}

/// Begins a transaction in which only this applier writes the projection; `None` when another one
/// holds the lease.
async fn begin_as_applier(
    database: &Database,
    holder: Uuid,
) -> Result<Option<DatabaseTransaction>, StoreError> {
    let transaction = database.begin().await?;
    database.take_advisory_lock(&transaction, APPLIER_LOCK).await?;

    let is_held = lease::hold(database, &transaction, LEASE, holder).await?;
    Ok(is_held.then_some(transaction))
}

async fn clear_projection(transaction: &DatabaseTransaction) -> Result<(), StoreError> {
    access_grants::Entity::delete_many().exec(transaction).await?;
    access_members::Entity::delete_many().exec(transaction).await?;
    Ok(())
}

async fn insert_grants(
    transaction: &DatabaseTransaction,
    grants: &[access_grants::Model],
) -> Result<(), StoreError> {
    for rows in grants.chunks(ROWS_PER_INSERT) {
        let rows = rows.iter().cloned().map(access_grants::Model::into_active_model);
        access_grants::Entity::insert_many(rows).exec_without_returning(transaction).await?;
    }
    Ok(())
}

async fn insert_memberships(
    transaction: &DatabaseTransaction,
    memberships: &[access_members::Model],
) -> Result<(), StoreError> {
    for rows in memberships.chunks(ROWS_PER_INSERT) {
        let rows = rows.iter().cloned().map(access_members::Model::into_active_model);
        access_members::Entity::insert_many(rows).exec_without_returning(transaction).await?;
    }
    Ok(())
}

/// `false` when this code does not know the mutation.
async fn apply_mutation(
    transaction: &DatabaseTransaction,
    mutation: Option<Mutation>,
) -> Result<bool, StoreError> {
    match mutation {
        Some(Mutation::PutGrant(grant)) => return put_grant(transaction, &grant).await,
        Some(Mutation::DeleteGrantId(id)) => delete_grant(transaction, parse_id(&id)?).await?,
        Some(Mutation::PutMembership(membership)) => {
            put_membership(transaction, membership_row(&membership)?).await?;
        }
        Some(Mutation::DeleteMembership(membership)) => {
            delete_membership(transaction, membership_row(&membership)?).await?;
        }
        None => return Ok(false),
    }
    Ok(true)
}

/// `false` when this code does not know the subject or the role. Such a grant gives no access,
/// and the grant that it replaces is deleted.
async fn put_grant(transaction: &DatabaseTransaction, grant: &Grant) -> Result<bool, StoreError> {
    let Some(row) = grant_row(grant)? else {
        delete_grant(transaction, parse_id(&grant.id)?).await?;
        return Ok(false);
    };

    let replace = OnConflict::column(access_grants::Column::Id)
        .update_columns([access_grants::Column::Role, access_grants::Column::ExpireTime])
        .to_owned();
    access_grants::Entity::insert(row.into_active_model())
        .on_conflict(replace)
        .exec_without_returning(transaction)
        .await?;

    Ok(true)
}

async fn delete_grant(transaction: &DatabaseTransaction, id: GrantId) -> Result<(), StoreError> {
    access_grants::Entity::delete_by_id(id).exec(transaction).await?;
    Ok(())
}

async fn put_membership(
    transaction: &DatabaseTransaction,
    membership: access_members::Model,
) -> Result<(), StoreError> {
    let replace =
        OnConflict::columns([access_members::Column::UserId, access_members::Column::GroupId])
            .update_column(access_members::Column::Admin)
            .to_owned();

    access_members::Entity::insert(membership.into_active_model())
        .on_conflict(replace)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

async fn delete_membership(
    transaction: &DatabaseTransaction,
    membership: access_members::Model,
) -> Result<(), StoreError> {
    let key = (membership.user_id, membership.group_id);

    access_members::Entity::delete_by_id(key).exec(transaction).await?;
    Ok(())
}

/// `None` when this code does not know the subject or the role.
fn grant_row(grant: &Grant) -> Result<Option<access_grants::Model>, StoreError> {
    let subject = grant.subject.clone().unwrap_or_default();
    let (Ok(kind), Ok(role)) =
        (SubjectKind::try_from(subject.kind()), Role::try_from(grant.role()))
    else {
        return Ok(None);
    };

    let subject_id = if subject.id.is_empty() { None } else { Some(parse_id(&subject.id)?) };
    let object_id = grant.object.as_ref().map(|object| parse_id(&object.id)).transpose()?;
    let expire_time =
        grant.expire_time.map(|time| time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000);

    Ok(Some(access_grants::Model {
        id: parse_id(&grant.id)?,
        object_id: object_id.unwrap_or(ObjectId::ABSENT),
        subject_kind: Text(kind),
        subject_id,
        role,
        expire_time: expire_time.map(Micros),
    }))
}

fn membership_row(membership: &Membership) -> Result<access_members::Model, StoreError> {
    Ok(access_members::Model {
        user_id: parse_id(&membership.user_id)?,
        group_id: parse_id(&membership.group_id)?,
        admin: membership.admin,
    })
}

fn parse_id<T: FromStr<Err: Display>>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|error| {
        StoreError::defect(format!("the grant feed sent the malformed id `{text}`: {error}"))
    })
}

fn policy_version(number: i64) -> Result<PolicyVersion, StoreError> {
    PolicyVersion::try_from(number).map_err(StoreError::defect)
}

async fn load_head(transaction: &DatabaseTransaction) -> Result<Head, StoreError> {
    let state = read_state(transaction).await?;
    let incomplete_hash = state.hash.strip_prefix(INCOMPLETE_PREFIX);

    Ok(Head {
        policy_version: state.policy_version,
        is_complete: incomplete_hash.is_none(),
        hash: incomplete_hash.unwrap_or(&state.hash).to_owned(),
    })
}

async fn store_head(
    database: &Database,
    transaction: &DatabaseTransaction,
    head: Head,
) -> Result<(), StoreError> {
    let now = database.now(transaction).await?;
    let hash =
        if head.is_complete { head.hash } else { format!("{INCOMPLETE_PREFIX}{}", head.hash) };

    let state = access_state::ActiveModel {
        policy_version: Set(head.policy_version),
        hash: Set(hash),
        last_contact: Set(now),
        ..Default::default()
    };
    access_state::Entity::update_many().set(state).exec(transaction).await?;
    Ok(())
}

fn log_unknown_grants(policy_version: i64) {
    tracing::error!(
        access.policy_version = policy_version,
        "the permission service sent grants that this version does not know; they give no access \
         here until a newer version has taken a snapshot"
    );
}
