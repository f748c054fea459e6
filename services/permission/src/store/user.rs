//! Rows of users.

use sea_orm::{ConnectionTrait as _, QueryResult, Value};
use slipway_fault::{Fault, Reason};
use slipway_names::id::UserId;
use slipway_paging::Page;

use crate::{
    domain::user::User,
    outbound::Told,
    store::{Change, Store},
};

impl Store {
    /// The user of this id.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, Fault> {
        let row = self
            .database
            .reader()
            .query_one_raw(
                self.database.statement("select * from person where id = $1", [id.0.into()]),
            )
            .await?;
        row.as_ref().map(user).transpose()
    }

    /// A page of all users, by id.
    pub async fn users(&self, page: &Page) -> Result<Vec<User>, Fault> {
        let after = page
            .after
            .first()
            .and_then(|id| id.parse::<UserId>().ok())
            .unwrap_or(UserId(uuid::Uuid::nil()));
        let rows = self
            .database
            .reader()
            .query_all_raw(self.database.statement(
                "select * from person where id > $1 order by id limit $2",
                [after.0.into(), page.limit().into()],
            ))
            .await?;
        rows.iter().map(user).collect()
    }
}

impl Change<'_> {
    /// Remembers a user who was seen; its name follows its token. Nobody is told.
    pub async fn see_user(&self, user: &User) -> Result<(), Fault> {
        let sql = "insert into person (id, issuer, subject, name, seen, create_time) values ($1, $2, $3, $4, $5, $6)
            on conflict (id) do update set name = case when excluded.name = '' then person.name else excluded.name end, seen = excluded.seen";
        self.execute(sql, values(user)).await.map(|_| ())
    }

    /// Makes a user known. One that is invited already may get another name; one that was seen stays as it is.
    pub async fn invite_user(&mut self, user: &User) -> Result<(), Fault> {
        let sql = "insert into person (id, issuer, subject, name, seen, create_time) values ($1, $2, $3, $4, $5, $6)
            on conflict (id) do update set name = excluded.name
                where not person.seen and excluded.name <> '' and excluded.name <> person.name";
        if self.execute(sql, values(user)).await? > 0 {
            self.tell(Told::UserInvited(user.clone()));
        }
        Ok(())
    }

    /// Refuses an id that nobody has.
    pub async fn require_user(&self, id: UserId) -> Result<(), Fault> {
        match self.rows("select id from person where id = $1", [id.0.into()]).await?.is_empty() {
            false => Ok(()),
            true => Err(Fault::new(
                Reason::UserNotFound,
                format!("there is no user {id}; invite the user first, or ask it to sign in once"),
            )
            .metadata("user", id)),
        }
    }
}

fn values(user: &User) -> [Value; 6] {
    [
        user.id.0.into(),
        user.issuer.clone().into(),
        user.subject.clone().into(),
        user.name.clone().into(),
        user.seen.into(),
        user.create_time.into(),
    ]
}

pub(super) fn user(row: &QueryResult) -> Result<User, Fault> {
    Ok(User {
        id: UserId(row.try_get("", "id")?),
        issuer: row.try_get("", "issuer")?,
        subject: row.try_get("", "subject")?,
        name: row.try_get("", "name")?,
        seen: row.try_get("", "seen")?,
        create_time: row.try_get("", "create_time")?,
    })
}
