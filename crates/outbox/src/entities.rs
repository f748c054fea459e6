//! The tables of this crate.

pub(crate) mod outbox {
    use sea_orm::entity::prelude::*;
    use serde_json::Value;
    use slipway_database::column::JsonText;
    use slipway_names::unit::{LogPosition, Micros, Sequence};

    /// A message. Published ones are the retained log.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "outbox")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) event_type: String,
        pub(crate) subject: String,
        pub(crate) sequence: Sequence,
        pub(crate) time: Micros,
        pub(crate) traceparent: String,
        pub(crate) data: JsonText<Value>,
        /// `None` until the message is published.
        pub(crate) position: Option<LogPosition>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod outbox_sequence {
    use sea_orm::entity::prelude::*;
    use slipway_names::unit::Sequence;

    /// The number of the subject's last message.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "outbox_sequence")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) subject: String,
        pub(crate) last: Sequence,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod outbox_position {
    use sea_orm::entity::prelude::*;
    use slipway_names::unit::LogPosition;

    /// One row: the position of the last published message.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "outbox_position")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) one: i32,
        pub(crate) last: LogPosition,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
