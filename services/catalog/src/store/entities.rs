//! One entity for each table of the catalog. `schema.sql` creates the tables.

use sea_orm::entity::prelude::*;
use slipway_database::column::{JsonText, Text};
use slipway_names::{
    id::{AccessChangeId, BuildId, GroupId, ImageId, UserId},
    revision::RevisionNumber,
    unit::{ByteCount, Micros, PolicyVersion, Sequence},
};

use crate::domain::{
    access::Access,
    build::{BuildState, BuildStep, FailureClass},
    image::{ImageSource, ImageState},
    image_type::ImageType,
    revision::RevisionState,
    spec::Spec,
};

pub mod images {
    use super::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "images")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: ImageId,
        pub owner_group: Option<GroupId>,
        pub owner_name: String,
        pub name: String,
        /// `<owner>/<name>`
        #[sea_orm(unique)]
        pub qualified_name: String,
        pub display_name: String,
        /// Name and display name in lower case, for searches.
        pub search_text: String,
        pub description: String,
        pub image_type: Text<ImageType>,
        pub source: Text<ImageSource>,
        pub state: Text<ImageState>,
        pub access: JsonText<Access>,
        pub access_version: PolicyVersion,
        pub active_revision: Option<RevisionNumber>,
        pub latest_revision: RevisionNumber,
        pub creator: UserId,
        pub create_time: Micros,
        pub update_time: Micros,
        pub version: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod revisions {
    use super::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "revisions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub image_id: ImageId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: RevisionNumber,
        pub state: Text<RevisionState>,
        /// This column and the three after it are the artifact.
        pub reference: Option<String>,
        pub digest: Option<String>,
        pub platforms: Option<JsonText<Vec<String>>>,
        pub size_bytes: Option<ByteCount>,
        /// This column and the three after it are the GPU artifact.
        pub gpu_reference: Option<String>,
        pub gpu_digest: Option<String>,
        pub gpu_platforms: Option<JsonText<Vec<String>>>,
        pub gpu_size_bytes: Option<ByteCount>,
        /// This column and all after it but the last two are the build.
        #[sea_orm(unique)]
        pub build_id: Option<BuildId>,
        pub spec: Option<JsonText<Spec>>,
        pub build_state: Option<Text<BuildState>>,
        pub build_step: Option<Text<BuildStep>>,
        pub build_sequence: Sequence,
        pub failure_class: Option<Text<FailureClass>>,
        pub failure_reason: Option<String>,
        pub failure_step: Option<Text<BuildStep>>,
        pub failure_message: Option<String>,
        pub create_time: Micros,
        pub creator: UserId,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod access_changes {
    use super::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "access_changes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: AccessChangeId,
        #[sea_orm(unique)]
        pub image_id: ImageId,
        pub access: JsonText<Access>,
        pub create_time: Micros,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
