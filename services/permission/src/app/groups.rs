//! Groups and members.

use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    grant::{ObjectKind, Role},
    id::{GrantId, GroupId, ObjectId, UserId},
    image_name::Slug,
    text::line,
};
use slipway_outbox::idempotency::Key;
use slipway_paging::Page;

use crate::{
    app::App,
    domain::{
        grant::Grant,
        group::{Group, Membership},
        object::Object,
        user::User,
    },
    store::Change,
};

const LONGEST_DISPLAY_NAME: usize = 64;

impl App {
    /// A new group, with the grants that every group has on itself. The same key again answers the group that it made.
    pub async fn create_group(
        &self,
        caller: &Caller,
        name: &str,
        display_name: &str,
        key: Option<Key>,
    ) -> Result<(Group, i64), Fault> {
        self.require_platform(caller, Role::Manager).await?;
        let name = Slug::group(name).map_err(|error| Fault::field("name", error))?;
        let display_name = line(display_name, 0..=LONGEST_DISPLAY_NAME)
            .map_err(|error| Fault::field("display_name", error))?;
        let mut change = self.store.change().await?;
        change
            .require(
                caller.require_user()?.id,
                ObjectId::PLATFORM,
                Role::Manager,
                "platform",
                Reason::RoleMissing,
            )
            .await?;
        if let Some(answer) = change.answered(key.as_ref()).await? {
            return created_before(&change, &answer).await;
        }
        let display_name = if display_name.is_empty() { name.as_str() } else { display_name };
        let group = Group {
            id: GroupId::new(),
            name: name.to_string(),
            display_name: display_name.to_owned(),
            create_time: change.now,
        };
        change.create_group(&group).await?;
        let object = Object { id: group.id.into(), kind: ObjectKind::Group, owner: Some(group.id) };
        change.put_object(&object).await?;
        for (subject, role) in object.standing_grants() {
            change
                .create_grant(
                    Grant {
                        id: GrantId::new(),
                        object: object.id,
                        subject,
                        role,
                        expire: None,
                        registered: true,
                    },
                    object.kind,
                )
                .await?;
        }
        let answer =
            serde_json::to_string(&(group.id, change.revision)).map_err(Fault::internal)?;
        change.keep_answer(key.as_ref(), &answer).await?;
        let revision = change.commit().await?;
        Ok((group, revision))
    }

    /// A group that the caller has the role on.
    pub async fn group(
        &self,
        caller: &Caller,
        name_or_id: &str,
        role: Role,
    ) -> Result<Group, Fault> {
        let user = self.user_of(caller).await?;
        let what = format!("group `{}`", name_or_id.escape_default());
        let group = self.store.group(name_or_id).await?;
        let object = group.as_ref().map_or(ObjectId::ABSENT, |group| group.id.into());
        self.require(user, object, role, &what, Reason::GroupNotFound).await?;
        group.ok_or_else(|| {
            Fault::new(
                Reason::GroupNotFound,
                format!("there is no {what}, or none that you may see"),
            )
        })
    }

    /// A page of the groups that [`App::group`] answers the caller.
    pub async fn groups(&self, caller: &Caller, page: &Page) -> Result<Vec<Group>, Fault> {
        let user = self.user_of(caller).await?;
        self.store.groups_seen_by(user, page).await
    }

    /// Adds a member, or sets whether it is an admin.
    pub async fn add_member(
        &self,
        caller: &Caller,
        group: &str,
        user: UserId,
        admin: bool,
    ) -> Result<i64, Fault> {
        let group = self.group(caller, group, Role::Manager).await?;
        let mut change = self.store.change().await?;
        change
            .require(
                caller.require_user()?.id,
                group.id.into(),
                Role::Manager,
                &format!("group `{}`", group.name),
                Reason::GroupNotFound,
            )
            .await?;
        change.require_user(user).await?;
        change.put_member(Membership { group: group.id, user, admin }, &group.name).await?;
        change.commit().await
    }

    /// Removes a member.
    pub async fn remove_member(
        &self,
        caller: &Caller,
        group: &str,
        user: UserId,
    ) -> Result<i64, Fault> {
        let group = self.group(caller, group, Role::Manager).await?;
        let mut change = self.store.change().await?;
        change
            .require(
                caller.require_user()?.id,
                group.id.into(),
                Role::Manager,
                &format!("group `{}`", group.name),
                Reason::GroupNotFound,
            )
            .await?;
        change.remove_member(group.id, &group.name, user).await?;
        change.commit().await
    }

    /// A page of a group's members.
    pub async fn members(
        &self,
        caller: &Caller,
        group: &str,
        page: &Page,
    ) -> Result<Vec<(User, bool)>, Fault> {
        let group = self.group(caller, group, Role::Reader).await?;
        self.store.members(group.id, page).await
    }
}

async fn created_before(change: &Change<'_>, answer: &str) -> Result<(Group, i64), Fault> {
    let (id, revision): (GroupId, i64) = serde_json::from_str(answer).map_err(Fault::internal)?;
    let group = change.group(&id.to_string()).await?;
    Ok((
        group.ok_or_else(|| {
            Fault::new(Reason::GroupNotFound, "the group that this request made is gone")
        })?,
        revision,
    ))
}
