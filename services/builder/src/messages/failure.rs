//! Failures of builds on the wire.

use slipway_wire::builder::v1 as wire;

use crate::domain::failure::{Failure, FailureClass, FailureReason};

impl From<Failure> for wire::BuildFailure {
    fn from(failure: Failure) -> Self {
        Self {
            failure_class: wire::FailureClass::from(failure.reason.class()).into(),
            reason: wire::FailureReason::from(failure.reason).into(),
            step: failure.step.map(|step| step.to_string()).unwrap_or_default(),
            message: failure.message,
        }
    }
}

impl From<FailureClass> for wire::FailureClass {
    fn from(class: FailureClass) -> Self {
        match class {
            FailureClass::User => Self::User,
            FailureClass::Platform => Self::Platform,
            FailureClass::Limit => Self::Limit,
        }
    }
}

impl From<FailureReason> for wire::FailureReason {
    fn from(reason: FailureReason) -> Self {
        match reason {
            FailureReason::BaseMissing => Self::BaseMissing,
            FailureReason::BaseDenied => Self::BaseDenied,
            FailureReason::BaseMissingOrDenied => Self::BaseMissingOrDenied,
            FailureReason::BaseRefused => Self::BaseRefused,
            FailureReason::BasePlatform => Self::BasePlatform,
            FailureReason::SpecRefused => Self::SpecRefused,
            FailureReason::AptFailed => Self::AptFailed,
            FailureReason::PipFailed => Self::PipFailed,
            FailureReason::PythonMissing => Self::PythonMissing,
            FailureReason::RegistryUnreachable => Self::RegistryUnreachable,
            FailureReason::MirrorUnreachable => Self::MirrorUnreachable,
            FailureReason::DiskFull => Self::DiskFull,
            FailureReason::ExecutorFailed => Self::ExecutorFailed,
            FailureReason::PushFailed => Self::PushFailed,
            FailureReason::WorkerLost => Self::WorkerLost,
            FailureReason::TimeExceeded => Self::TimeExceeded,
            FailureReason::IdleTooLong => Self::IdleTooLong,
            FailureReason::QueuedTooLong => Self::QueuedTooLong,
            FailureReason::MemoryExceeded => Self::MemoryExceeded,
            FailureReason::ProcessesExceeded => Self::ProcessesExceeded,
            FailureReason::DiskExceeded => Self::DiskExceeded,
            FailureReason::SizeExceeded => Self::SizeExceeded,
            FailureReason::LayersExceeded => Self::LayersExceeded,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use slipway_testrig::proto_enum;
    use strum::VariantArray as _;

    use super::*;

    #[test]
    fn published_failure_reasons_are_those_of_the_code() {
        let published = proto_enum::values("slipway.builder.v1", "FailureReason");
        let published: BTreeSet<(String, String)> =
            published.into_iter().map(|value| (value.name, value.heading)).collect();

        let of_code = FailureReason::VARIANTS.iter().map(|reason| {
            let class = format!("{:?}", reason.class()).to_uppercase();
            (reason.to_string(), class)
        });
        assert_eq!(of_code.collect::<BTreeSet<_>>(), published);
    }

    #[test]
    fn failure_reason_has_the_same_name_on_the_wire() {
        for reason in FailureReason::VARIANTS {
            let name = wire::FailureReason::from(*reason).as_str_name();
            assert_eq!(name, format!("FAILURE_REASON_{reason}"));
        }
    }

    #[test]
    fn readme_of_the_protos_lists_every_failure_reason() {
        let published = proto_enum::values("slipway.builder.v1", "FailureReason");
        proto_enum::check_table(include_str!("../../../../proto/README.md"), &published);
    }
}
