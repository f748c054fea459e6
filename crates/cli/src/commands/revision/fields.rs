//! A revision as people read it.

use chrono::{DateTime, Utc};
use slipway_wire::catalog::v1::{Artifact, Revision};

use crate::output::labels::{enum_label, failure_summary, format_time};

pub(super) fn short_fields(revision: &Revision) -> Vec<(&'static str, String)> {
    vec![
        ("revision", revision.number.to_string()),
        ("state", state_label(revision)),
        ("reference", reference_of(revision.artifact.as_ref())),
        ("build", revision.build_id.clone()),
    ]
}

pub(super) fn all_fields(revision: &Revision) -> Vec<(&'static str, String)> {
    let artifact = revision.artifact.clone().unwrap_or_default();
    let spec = revision.spec.clone().unwrap_or_default();
    let size_bytes =
        if artifact.size_bytes > 0 { artifact.size_bytes.to_string() } else { String::new() };
    let build_state = if revision.build_id.is_empty() {
        String::new()
    } else {
        enum_label(revision.build_state().as_str_name(), "BUILD_STATE_")
    };
    let create_time = revision.create_time.and_then(|time| DateTime::<Utc>::try_from(time).ok());

    let mut fields = short_fields(revision);
    fields.extend([
        ("digest", artifact.digest),
        ("platforms", artifact.platforms.join(", ")),
        ("bytes", size_bytes),
        ("gpu reference", reference_of(revision.gpu_artifact.as_ref())),
        ("base", spec.base_reference),
        ("gpu base", spec.gpu_base_reference),
        ("apt", spec.apt.join(", ")),
        ("conda", spec.conda.join(", ")),
        ("pip", spec.pip.join(", ")),
        ("build state", build_state),
        ("build step", revision.build_step.clone()),
        ("failure", failure_summary(revision.failure.as_ref())),
        ("created", create_time.map(format_time).unwrap_or_default()),
        ("creator", revision.creator.clone()),
    ]);
    fields
}

pub(super) fn state_label(revision: &Revision) -> String {
    enum_label(revision.state().as_str_name(), "REVISION_STATE_")
}

pub(super) fn reference_of(artifact: Option<&Artifact>) -> String {
    artifact.map(|artifact| artifact.reference.clone()).unwrap_or_default()
}
