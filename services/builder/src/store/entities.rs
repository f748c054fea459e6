//! One entity for each table. `schema.sql` creates the tables.

pub mod builds {
    use sea_orm::entity::prelude::*;
    use slipway_database::column::{JsonText, Text};
    use slipway_names::{
        digest::Digest,
        id::{BuildId, ImageId, UserId, WorkerId},
        platform::Platform,
        unit::{ByteCount, Micros, PolicyVersion, Sequence},
    };

    use crate::domain::{build::State, failure::FailureReason, spec::Spec, step::Step};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "builds")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: BuildId,
        pub image_id: ImageId,
        pub image_name: String,
        pub revision: i32,
        pub requester: UserId,
        pub spec: JsonText<Spec>,
        pub repository: String,
        pub request_time: Micros,
        pub access_version: PolicyVersion,
        pub traceparent: String,
        pub state: Text<State>,
        pub attempt: i32,
        pub counted_attempts: i32,
        pub step: Option<Text<Step>>,
        /// Null without a failure, like the message.
        pub failure_reason: Option<Text<FailureReason>>,
        pub failure_step: Option<Text<Step>>,
        pub failure_message: Option<String>,
        /// Null until the base is resolved, like the Containerfile.
        pub base_digest: Option<Text<Digest>>,
        pub containerfile: Option<String>,
        /// Null until the image is pushed, like the next three.
        pub reference: Option<String>,
        pub digest: Option<Text<Digest>>,
        pub platform: Option<Text<Platform>>,
        pub size_bytes: Option<ByteCount>,
        pub create_time: Micros,
        /// When the build began to wait: at its creation, or at the end of the last attempt.
        pub queue_time: Micros,
        /// A waiting build is not claimed before.
        pub not_before: Micros,
        pub start_time: Option<Micros>,
        pub end_time: Option<Micros>,
        pub sequence: Sequence,
        /// The holder of the lease; null unless the state is a running one.
        pub worker: Option<WorkerId>,
        pub lease_until: Option<Micros>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod log_chunks {
    use sea_orm::entity::prelude::*;
    use slipway_database::column::Text;
    use slipway_names::{id::BuildId, unit::ByteCount};

    use crate::domain::step::Step;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "log_chunks")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub build_id: BuildId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub attempt: i32,
        /// Bytes of the attempt's log before this chunk.
        #[sea_orm(primary_key, auto_increment = false)]
        pub start: ByteCount,
        pub step: Text<Step>,
        pub data: Vec<u8>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
