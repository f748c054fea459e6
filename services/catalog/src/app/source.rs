//! What a revision is made from: a reference that is checked at its registry, or a spec that is parsed.

use slipway_authorizer::ObjectQuery;
use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::{
    grant::{ObjectKind, Role},
    id::{BuildId, ImageId},
    reference::Reference,
};

use crate::{
    app::App,
    domain::{
        build::BuildProgress,
        image::{ImageSource, ImageType},
        revision::{Artifact, Revision, RevisionState},
        spec::{Spec, gpu_not_universal, parse_reference},
    },
};

/// As the caller gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Somebody else built it.
    Existing {
        /// The reference.
        reference: String,
        /// For GPU nodes; may be empty.
        gpu_reference: String,
        /// Do not ask the registry.
        skip_verification: bool,
    },
    /// To be built here.
    Custom {
        /// Lines and base.
        spec: Spec,
        /// For GPU nodes; may be empty.
        gpu_base: String,
    },
}

impl Source {
    /// Its kind.
    pub fn kind(&self) -> ImageSource {
        match self {
            Self::Existing { .. } => ImageSource::Existing,
            Self::Custom { .. } => ImageSource::Custom,
        }
    }
}

impl App {
    /// A revision to be, everything about it judged; its image and number are set when it is stored.
    pub(super) async fn draft(
        &self,
        caller: &Caller,
        source: Source,
        kind: ImageType,
    ) -> Result<Revision, Fault> {
        let user = caller.require_user()?.id;
        let draft = Revision {
            image: ImageId(uuid::Uuid::nil()),
            number: 1,
            state: RevisionState::Ready,
            artifact: None,
            gpu_artifact: None,
            spec: None,
            build: None,
            progress: BuildProgress::default(),
            create_time: 0,
            creator: user,
        };
        match source {
            Source::Existing { reference, gpu_reference, skip_verification } => {
                if !gpu_reference.is_empty() && kind != ImageType::Universal {
                    return Err(gpu_not_universal("existing.gpu_reference"));
                }
                let artifact = self
                    .artifact(caller, &reference, "existing.reference", skip_verification)
                    .await?;
                let gpu_artifact = match gpu_reference.as_str() {
                    "" => None,
                    reference => Some(
                        self.artifact(
                            caller,
                            reference,
                            "existing.gpu_reference",
                            skip_verification,
                        )
                        .await?,
                    ),
                };
                Ok(Revision { artifact: Some(artifact), gpu_artifact, ..draft })
            }
            Source::Custom { spec, gpu_base } => {
                let spec = spec.accept(&gpu_base, kind, &self.site.policy)?;
                let base: Reference =
                    parse_reference(&spec.base_reference, "custom.spec.base_reference")?;
                self.require_readable(caller, &base, "custom.spec.base_reference").await?;
                let progress =
                    BuildProgress { state: "queued".to_owned(), ..BuildProgress::default() };
                Ok(Revision {
                    state: RevisionState::Building,
                    spec: Some(spec),
                    build: Some(BuildId::new()),
                    progress,
                    ..draft
                })
            }
        }
    }

    async fn artifact(
        &self,
        caller: &Caller,
        text: &str,
        field: &str,
        skip_verification: bool,
    ) -> Result<Artifact, Fault> {
        let reference = parse_reference(text, field)?;
        self.require_readable(caller, &reference, field).await?;
        if skip_verification {
            return Ok(Artifact { reference: reference.to_string(), ..Artifact::default() });
        }
        let artifact = self.registries.resolve(&reference).await.map_err(|error| {
            let text = error.to_string();
            Fault::from(error).violation(field, text)
        })?;
        Ok(Artifact {
            reference: reference.to_string(),
            digest: artifact.digest.to_string(),
            platforms: artifact.platforms.iter().map(ToString::to_string).collect(),
            size_bytes: artifact.size_bytes,
        })
    }

    /// What Slipway built into its own registry may be used by those who may read its image, whoever's credential fetches it.
    async fn require_readable(
        &self,
        caller: &Caller,
        reference: &Reference,
        field: &str,
    ) -> Result<(), Fault> {
        if reference.registry() != self.site.registry {
            return Ok(());
        }
        let seen = match self.store.owner_of_repository(reference.repository()).await? {
            None => true,
            Some(image) => {
                self.authorizer
                    .check(caller, ObjectQuery::Id(ObjectKind::Image, image.into()), Role::Reader)
                    .await?
                    .allowed
            }
        };
        match seen {
            true => Ok(()),
            false => {
                let text =
                    format!("the registry has no `{reference}`; check the repository and the tag");
                Err(Fault::new(Reason::ReferenceMissing, text.clone()).violation(field, text))
            }
        }
    }
}
