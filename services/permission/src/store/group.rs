//! Rows of groups and members.

use sea_orm::{ConnectionTrait as _, QueryResult};
use slipway_fault::{Fault, Reason};
use slipway_names::id::{GroupId, ObjectId, UserId};
use slipway_paging::Page;
use uuid::Uuid;

use crate::{
    domain::{
        group::{Group, Membership},
        user::User,
    },
    outbound::Told,
    store::{Change, Store, decision::COUNTS, user::user},
};

/// By id where the text is one, else by name: names never read as ids.
const BY_NAME_OR_ID: &str = "select * from team where name = $1 or id = $2";

impl Store {
    /// The group of this name or id.
    pub async fn group(&self, name_or_id: &str) -> Result<Option<Group>, Fault> {
        if name_or_id.contains('\0') {
            return Ok(None);
        }
        let id = Uuid::try_parse(name_or_id).unwrap_or_default();
        let row = self
            .database
            .reader()
            .query_one_raw(self.database.statement(BY_NAME_OR_ID, [name_or_id.into(), id.into()]))
            .await?;
        row.as_ref().map(group).transpose()
    }

    /// A page of the groups that the user sees, by name: those on which [`Store::standing`] finds a role.
    pub async fn groups_seen_by(&self, user: UserId, page: &Page) -> Result<Vec<Group>, Fault> {
        let sql = format!(
            "select t.* from team t join object o on o.id = t.id where t.name > $4
                and exists (select 1 from role_grant g where g.object_id in ($3, t.id) and {COUNTS}) order by t.name limit $5"
        );
        let now = self.database.now(self.database.reader()).await?;
        let after = page.after.first().cloned().unwrap_or_default();
        let values = [
            user.0.into(),
            now.into(),
            ObjectId::PLATFORM.0.into(),
            after.into(),
            page.limit().into(),
        ];
        let rows =
            self.database.reader().query_all_raw(self.database.statement(sql, values)).await?;
        rows.iter().map(group).collect()
    }

    /// Names of the groups that the user is in.
    pub async fn group_names_of(&self, user: UserId) -> Result<Vec<String>, Fault> {
        let sql = "select t.name from team t join membership m on m.group_id = t.id where m.user_id = $1 order by t.name";
        let rows = self
            .database
            .reader()
            .query_all_raw(self.database.statement(sql, [user.0.into()]))
            .await?;
        rows.iter().map(|row| Ok(row.try_get("", "name")?)).collect()
    }

    /// A page of a group's members by user id, with whether each is an admin.
    pub async fn members(&self, group: GroupId, page: &Page) -> Result<Vec<(User, bool)>, Fault> {
        let after = page
            .after
            .first()
            .and_then(|id| id.parse::<UserId>().ok())
            .map_or(Uuid::nil(), |id| id.0);
        let sql = "select p.*, m.admin from membership m join person p on p.id = m.user_id where m.group_id = $1 and p.id > $2 order by p.id limit $3";
        let rows = self
            .database
            .reader()
            .query_all_raw(
                self.database.statement(sql, [group.0.into(), after.into(), page.limit().into()]),
            )
            .await?;
        rows.iter().map(|row| Ok((user(row)?, row.try_get("", "admin")?))).collect()
    }
}

impl Change<'_> {
    /// A new group; its name must be free.
    pub async fn create_group(&mut self, group: &Group) -> Result<(), Fault> {
        let sql = "insert into team (id, name, display_name, create_time) values ($1, $2, $3, $4) on conflict (name) do nothing";
        let inserted = self
            .execute(
                sql,
                [
                    group.id.0.into(),
                    group.name.clone().into(),
                    group.display_name.clone().into(),
                    group.create_time.into(),
                ],
            )
            .await?;
        if inserted == 0 {
            return Err(Fault::new(
                Reason::NameTaken,
                format!("there is a group `{}` already; choose another name", group.name),
            )
            .violation("name", "is taken"));
        }
        self.tell(Told::GroupCreated(group.clone()));
        Ok(())
    }

    /// The group of this name or id, within the change.
    pub async fn group(&self, name_or_id: &str) -> Result<Option<Group>, Fault> {
        if name_or_id.contains('\0') {
            return Ok(None);
        }
        let id = Uuid::try_parse(name_or_id).unwrap_or_default();
        self.rows(BY_NAME_OR_ID, [name_or_id.into(), id.into()])
            .await?
            .first()
            .map(group)
            .transpose()
    }

    /// Adds a member, or sets whether it is an admin.
    pub async fn put_member(
        &mut self,
        membership: Membership,
        group_name: &str,
    ) -> Result<(), Fault> {
        let sql = "insert into membership (group_id, user_id, admin) values ($1, $2, $3)
            on conflict (group_id, user_id) do update set admin = excluded.admin where membership.admin <> excluded.admin";
        let changed = self
            .execute(
                sql,
                [membership.group.0.into(), membership.user.0.into(), membership.admin.into()],
            )
            .await?;
        if changed > 0 {
            self.tell(Told::MemberAdded(membership, group_name.to_owned()));
        }
        Ok(())
    }

    /// Removes a member; one that is not there stays away.
    pub async fn remove_member(
        &mut self,
        group: GroupId,
        group_name: &str,
        user: UserId,
    ) -> Result<(), Fault> {
        let removed = self
            .execute(
                "delete from membership where group_id = $1 and user_id = $2",
                [group.0.into(), user.0.into()],
            )
            .await?;
        if removed > 0 {
            self.tell(Told::MemberRemoved(
                Membership { group, user, admin: false },
                group_name.to_owned(),
            ));
        }
        Ok(())
    }
}

fn group(row: &QueryResult) -> Result<Group, Fault> {
    Ok(Group {
        id: GroupId(row.try_get("", "id")?),
        name: row.try_get("", "name")?,
        display_name: row.try_get("", "display_name")?,
        create_time: row.try_get("", "create_time")?,
    })
}
