//! Groups and members.

use slipway_authz::{object::ObjectKind, refusal, role::Role};
use slipway_database::idempotency::RequestKey;
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    id::{GroupId, ObjectId, UserId},
    slug::Slug,
    text::validate_line,
    unit::PolicyVersion,
};
use slipway_request::page::Page;

use crate::{
    app::{
        App,
        check::{require_platform_role, require_role},
        object::{put_object, set_registered_grants},
        response::{find_response, store_response},
        subject::user_not_found,
    },
    domain::{
        check::EffectiveRole,
        group::{Group, Member, Membership, object_of},
        object::Object,
    },
    store::{change::Change, group::CreateOutcome},
};

const MAX_DISPLAY_NAME_CHARACTERS: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateGroup {
    pub name: String,
    /// Empty for the name.
    pub display_name: String,
}

impl App {
    /// Creates a group with its owner grants. Returns it with the policy version from which they
    /// are in effect. A repeated `request_key` returns the group of the first call.
    ///
    /// # Errors
    /// `ROLE_MISSING`, `FIELD_INVALID`, `NAME_TAKEN`, `REQUEST_ID_REUSED`; `GROUP_NOT_FOUND` when
    /// the group of the first call is gone.
    pub async fn create_group(
        &self,
        caller: &Caller,
        request: CreateGroup,
        request_key: Option<RequestKey>,
    ) -> Result<(Group, PolicyVersion), Fault> {
        let user = self.require_platform(caller, Role::Manager).await?;
        let (name, display_name) = parse_names(&request)?;

        let mut change = self.store.begin_change().await?;
        let effective = change.effective_role(user, ObjectId::PLATFORM).await?;
        require_platform_role(&effective, Role::Manager)?;
        if let Some(response) = find_response(&change, request_key.as_ref()).await? {
            return replay_create(&change, response).await;
        }

        let group = Group { id: GroupId::new(), name, display_name, create_time: change.now };
        match change.create_group(&group).await? {
            CreateOutcome::Created => {}
            CreateOutcome::NameTaken => return Err(name_taken(&group.name)),
        }

        let object = Object { id: group.id.into(), kind: ObjectKind::Group, owner: Some(group.id) };
        put_object(&change, &object).await?;
        set_registered_grants(&mut change, &object, &object.owner_grants()).await?;

        let response = (group.id, change.next_version());
        store_response(&change, request_key.as_ref(), &response).await?;
        let policy_version = change.commit().await?;
        Ok((group, policy_version))
    }

    /// A group on which the caller has `role`.
    ///
    /// # Errors
    /// `GROUP_NOT_FOUND`, `ROLE_MISSING`.
    pub async fn group(
        &self,
        caller: &Caller,
        name_or_id: &str,
        role: Role,
    ) -> Result<Group, Fault> {
        let user = self.ensure_caller_stored(caller).await?;
        let group = self.store.group(name_or_id).await?;

        let effective = self.store.effective_role(user, object_of(group.as_ref())).await?;
        require_group_role(&effective, role, name_or_id)?;

        group.ok_or_else(|| refusal::not_visible(Reason::GroupNotFound, &describe(name_or_id)))
    }

    /// A page of the groups that [`App::group`] returns to a caller who needs READER, by name.
    pub async fn groups(&self, caller: &Caller, page: &Page) -> Result<Vec<Group>, Fault> {
        let user = self.ensure_caller_stored(caller).await?;

        let after: String = page.key()?.unwrap_or_default();
        Ok(self.store.visible_groups(user, &after, page.limit()).await?)
    }

    /// Adds a member, or sets whether an existing one is an admin. Returns the policy version from
    /// which the membership is in effect.
    ///
    /// # Errors
    /// `GROUP_NOT_FOUND`, `ROLE_MISSING`, `USER_NOT_FOUND`.
    pub async fn add_member(
        &self,
        caller: &Caller,
        group: &str,
        user: UserId,
        admin: bool,
    ) -> Result<PolicyVersion, Fault> {
        let group = self.group(caller, group, Role::Manager).await?;

        let mut change = self.store.begin_change().await?;
        require_group_manager(&change, caller, &group).await?;
        if !change.has_user(user).await? {
            return Err(user_not_found(user));
        }
        let membership = Membership { group: group.id, user, admin };
        change.put_member(membership, &group.name).await?;

        Ok(change.commit().await?)
    }

    /// Removes a member. Returns the policy version from which the membership is gone.
    ///
    /// # Errors
    /// `GROUP_NOT_FOUND`, `ROLE_MISSING`.
    pub async fn remove_member(
        &self,
        caller: &Caller,
        group: &str,
        user: UserId,
    ) -> Result<PolicyVersion, Fault> {
        let group = self.group(caller, group, Role::Manager).await?;

        let mut change = self.store.begin_change().await?;
        require_group_manager(&change, caller, &group).await?;
        change.remove_member(&group, user).await?;

        Ok(change.commit().await?)
    }

    /// A page of a group's members, by user id.
    ///
    /// # Errors
    /// `GROUP_NOT_FOUND`.
    pub async fn members(
        &self,
        caller: &Caller,
        group: &str,
        page: &Page,
    ) -> Result<Vec<Member>, Fault> {
        let group = self.group(caller, group, Role::Reader).await?;

        Ok(self.store.members(group.id, page.key()?, page.limit()).await?)
    }
}

fn parse_names(request: &CreateGroup) -> Result<(String, String), Fault> {
    let name =
        Slug::parse_group_name(&request.name).map_err(|error| Fault::field("name", error))?;
    let display_name = validate_line(&request.display_name, 0..=MAX_DISPLAY_NAME_CHARACTERS)
        .map_err(|error| Fault::field("display_name", error))?;

    let display_name = if display_name.is_empty() { name.as_str() } else { display_name };
    Ok((name.to_string(), display_name.to_owned()))
}

async fn replay_create(
    change: &Change<'_>,
    (id, policy_version): (GroupId, PolicyVersion),
) -> Result<(Group, PolicyVersion), Fault> {
    let group = change.group(&id.to_string()).await?.ok_or_else(|| {
        let message = "The group that the first call with this request_id created is gone. Use a \
                       new request_id.";
        Fault::new(Reason::GroupNotFound, message)
    })?;

    Ok((group, policy_version))
}

async fn require_group_manager(
    change: &Change<'_>,
    caller: &Caller,
    group: &Group,
) -> Result<(), Fault> {
    let effective = change.effective_role(caller.require_user()?.id, group.id.into()).await?;

    require_group_role(&effective, Role::Manager, &group.name)
}

fn require_group_role(
    effective: &EffectiveRole,
    role: Role,
    name_or_id: &str,
) -> Result<(), Fault> {
    require_role(effective, role, &describe(name_or_id), Reason::GroupNotFound)
}

/// The group in messages.
fn describe(name_or_id: &str) -> String {
    format!("group `{}`", Fault::quote_input(name_or_id))
}

fn name_taken(name: &str) -> Fault {
    let message = format!("A group `{name}` already exists. Choose another name.");

    Fault::new(Reason::NameTaken, message).violation("name", "is taken")
}
