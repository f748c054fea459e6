//! Users.

use chrono::DateTime;
use slipway_wire::permission::v1 as wire;

use crate::domain::user::User;

impl From<User> for wire::User {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            issuer: user.issuer,
            subject: user.subject,
            name: user.name,
            seen: user.seen,
            create_time: Some(DateTime::from(user.create_time).into()),
        }
    }
}
