//! One entity for each table of the projection. `schema.sql` creates the tables.

use sea_orm::entity::prelude::*;
use slipway_database::column::Text;
use slipway_names::{
    id::{GrantId, GroupId, ObjectId, UserId},
    unit::{Micros, PolicyVersion},
};

use crate::{role::Role, subject::SubjectKind};

pub mod access_grants {
    use super::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "access_grants")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: GrantId,
        pub object_id: ObjectId,
        pub subject_kind: Text<SubjectKind>,
        /// The id of a user or a group; `None` for everyone.
        pub subject_id: Option<Uuid>,
        pub role: Role,
        /// `None` when the grant does not expire.
        pub expire_time: Option<Micros>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod access_members {
    use super::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "access_members")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub user_id: UserId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub group_id: GroupId,
        pub admin: bool,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod access_state {
    use super::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "access_state")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub one: i32,
        pub policy_version: PolicyVersion,
        /// Of the change with this policy version. A prefix marks an incomplete projection.
        pub hash: String,
        pub last_contact: Micros,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
