//! The tables of this crate.

pub(crate) mod lease {
    use sea_orm::entity::prelude::*;
    use slipway_names::unit::Micros;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "lease")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) name: String,
        pub(crate) holder: Uuid,
        pub(crate) until: Micros,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod idempotency {
    use sea_orm::entity::prelude::*;
    use slipway_names::{
        id::{RequestId, UserId},
        unit::Micros,
    };

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "idempotency")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) caller: UserId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) request_id: RequestId,
        pub(crate) hash: String,
        /// JSON of a type that the RPC decides.
        pub(crate) response: String,
        pub(crate) time: Micros,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
