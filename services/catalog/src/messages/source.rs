//! Sources of revisions.

use slipway_fault::{Fault, Reason};
use slipway_wire::catalog::v1::{
    CustomSource, ExistingSource, create_image_request::Source as ImageSource,
    create_revision_request::Source as RevisionSource,
};

use crate::{domain::source::Source, messages::spec};

pub(crate) fn of_image(source: Option<ImageSource>) -> Result<Source, Fault> {
    match source {
        Some(ImageSource::Existing(source)) => existing(source),
        Some(ImageSource::Custom(source)) => custom(source),
        None => Err(missing()),
    }
}

pub(crate) fn of_revision(source: Option<RevisionSource>) -> Result<Source, Fault> {
    match source {
        Some(RevisionSource::Existing(source)) => existing(source),
        Some(RevisionSource::Custom(source)) => custom(source),
        None => Err(missing()),
    }
}

fn missing() -> Fault {
    Fault::field("source", "is missing; give `existing` or `custom`")
}

fn existing(source: ExistingSource) -> Result<Source, Fault> {
    refuse_pull_secret(&source.pull_secret, "existing.pull_secret")?;

    Ok(Source::Existing {
        reference: source.reference,
        gpu_reference: source.gpu_reference,
        skip_verification: source.skip_verification,
    })
}

fn custom(source: CustomSource) -> Result<Source, Fault> {
    refuse_pull_secret(&source.pull_secret, "custom.pull_secret")?;
    let (spec, gpu_base) = spec::from_wire(source.spec)?;

    Ok(Source::Custom { spec, gpu_base })
}

fn refuse_pull_secret(name: &str, field: &str) -> Result<(), Fault> {
    if name.is_empty() {
        return Ok(());
    }

    let message = format!("{field} is not supported yet. Leave it empty for now.");
    Err(Fault::new(Reason::PullSecretNotYetSupported, message)
        .violation(field, "must be empty for now"))
}
