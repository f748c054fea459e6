//! The request of a build, as the builder receives it.

use slipway_names::{
    id::{BuildId, ImageId, UserId},
    revision::RevisionNumber,
    unit::{Micros, PolicyVersion},
};

use crate::domain::{image::Image, revision::Revision, spec::Spec};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildRequest {
    pub build: BuildId,
    pub image: ImageId,
    /// `<owner>/<name>`
    pub image_name: String,
    pub revision: RevisionNumber,
    pub requester: UserId,
    pub spec: Spec,
    /// The repository to push to, with its registry and without a tag.
    pub repository: String,
    pub request_time: Micros,
    /// The policy version at which the image's access was decided.
    pub access_version: PolicyVersion,
}

impl BuildRequest {
    /// `None` for a revision without a build.
    pub fn new(image: &Image, revision: &Revision, registry: &str) -> Option<Self> {
        let build = revision.build.as_ref()?;

        Some(Self {
            build: build.id,
            image: image.id,
            image_name: image.qualified_name(),
            revision: revision.number,
            requester: revision.creator,
            spec: build.spec.clone(),
            repository: format!("{registry}/{}", image.repository()),
            request_time: revision.create_time,
            access_version: image.access_version,
        })
    }
}
