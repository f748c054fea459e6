//! One entity for each table of permission. `schema.sql` creates the tables.

use sea_orm::entity::prelude::*;
use slipway_authz::{object::ObjectKind, role::Role, subject::SubjectKind};
use slipway_database::column::Text;
use slipway_names::{
    id::{GrantId, GroupId, ObjectId, UserId},
    unit::{Micros, PolicyVersion},
};

pub mod users {
    use super::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "users")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: UserId,
        pub issuer: String,
        pub subject: String,
        pub name: String,
        pub seen: bool,
        pub create_time: Micros,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod groups {
    use super::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "groups")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: GroupId,
        #[sea_orm(unique)]
        pub name: String,
        pub display_name: String,
        pub create_time: Micros,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod members {
    use super::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "members")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub group_id: GroupId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub user_id: UserId,
        pub admin: bool,
        #[sea_orm(belongs_to, from = "user_id", to = "id")]
        pub user: HasOne<super::users::Entity>,
        #[sea_orm(belongs_to, from = "group_id", to = "id")]
        pub group: HasOne<super::groups::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod objects {
    use super::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "objects")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: ObjectId,
        pub kind: Text<ObjectKind>,
        pub owner_group: Option<GroupId>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod grants {
    use super::*;

    /// The columns of the access condition have the names of the projection's.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "grants")]
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
        pub registered: bool,
        #[sea_orm(belongs_to, from = "object_id", to = "id")]
        pub object: HasOne<super::objects::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod policy_state {
    use super::*;

    /// One row: the number and the hash of the last change.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "policy_state")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub one: i32,
        pub policy_version: PolicyVersion,
        pub hash: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod changes {
    use super::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "changes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub policy_version: PolicyVersion,
        pub hash: String,
        /// An encoded `GrantMutations` message.
        pub mutations: Vec<u8>,
        pub time: Micros,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
