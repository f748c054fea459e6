//! The source of a revision: a reference, verified at its registry, or a spec, validated.

use slipway_authz::{check::ObjectQuery, object::ObjectKind, role::Role};
use slipway_fault::Fault;
use slipway_identity::Caller;
use slipway_names::reference::Reference;
use slipway_registry::RegistryError;
use slipway_request::field::Field;

use crate::{
    app::{
        App,
        spec::{BASE_FIELD, gpu_not_universal, invalid_reference, invalid_spec},
    },
    domain::{artifact::Artifact, image_type::ImageType, revision::Draft, source::Source},
};

const REFERENCE_FIELD: Field<'_> = Field("existing.reference");
const GPU_REFERENCE_FIELD: Field<'_> = Field("existing.gpu_reference");

impl App {
    /// Verifies the source and returns a draft of its revision.
    pub(super) async fn verify_source(
        &self,
        caller: &Caller,
        source: &Source,
        image_type: ImageType,
    ) -> Result<Draft, Fault> {
        let creator = caller.require_user()?.id;

        match source {
            Source::Existing { reference, gpu_reference, skip_verification } => {
                if !gpu_reference.is_empty() && image_type != ImageType::Universal {
                    return Err(gpu_not_universal(GPU_REFERENCE_FIELD));
                }

                let skip = *skip_verification;
                let artifact =
                    self.verify_reference(caller, reference, REFERENCE_FIELD, skip).await?;
                let gpu_artifact = if gpu_reference.is_empty() {
                    None
                } else {
                    let field = GPU_REFERENCE_FIELD;
                    Some(self.verify_reference(caller, gpu_reference, field, skip).await?)
                };

                Ok(Draft::existing(artifact, gpu_artifact, creator))
            }
            Source::Custom { spec, gpu_base } => {
                let (spec, base) = spec
                    .clone()
                    .validate(gpu_base, image_type, &self.policy.packages)
                    .map_err(invalid_spec)?;
                self.require_readable(caller, &base, BASE_FIELD).await?;

                Ok(Draft::custom(spec, creator))
            }
        }
    }

    async fn verify_reference(
        &self,
        caller: &Caller,
        text: &str,
        field: Field<'_>,
        skip_verification: bool,
    ) -> Result<Artifact, Fault> {
        let reference: Reference =
            text.parse().map_err(|error| invalid_reference(&error, field))?;
        self.require_readable(caller, &reference, field).await?;
        if skip_verification {
            return Ok(Artifact { reference: reference.to_string(), ..Artifact::default() });
        }

        let inspected = self
            .registries
            .resolve(&reference)
            .await
            .map_err(|error| reference_refused(error, field))?;

        Ok(Artifact {
            reference: reference.to_string(),
            digest: inspected.digest.to_string(),
            platforms: inspected.platforms.iter().map(ToString::to_string).collect(),
            size: inspected.size,
        })
    }

    /// Requires READER of the image whose builds are pushed to the reference's repository.
    ///
    /// Slipway fetches from its own registry with its own credential, so the caller's right is
    /// checked here. A reference that the caller may not read is refused like a missing one.
    async fn require_readable(
        &self,
        caller: &Caller,
        reference: &Reference,
        field: Field<'_>,
    ) -> Result<(), Fault> {
        if reference.registry() != self.policy.registry {
            return Ok(());
        }
        let Some(image) = self.store.image_of_repository(reference.repository()).await? else {
            return Ok(());
        };

        let object = ObjectQuery::Id(ObjectKind::Image, image.into());
        let decision = self.authorizer.check(caller, object, Role::Reader).await?;
        if !decision.allowed {
            return Err(reference_refused(RegistryError::Missing(reference.to_string()), field));
        }

        Ok(())
    }
}

fn reference_refused(error: RegistryError, field: Field<'_>) -> Fault {
    let description = error.to_string();
    Fault::from(error).violation(field.0, description)
}
