//! Reasons, their kinds, and what a kind means to a message handler.

use strum::{EnumString, IntoStaticStr, VariantArray};

/// What a message handler does with a delivery that it could not handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Acknowledge: the message changes nothing more.
    Ack,
    /// Handle the message again after a delay: the fault may not last.
    Retry,
    /// Dead-letter: handling the message can never succeed.
    DeadLetter,
}

/// A kind of reasons; each is one code of `google.rpc.Code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request itself is wrong.
    InvalidArgument,
    /// The caller is not identified.
    Unauthenticated,
    /// Visible, but not allowed.
    PermissionDenied,
    /// Absent, or not visible to the caller.
    NotFound,
    /// The name is taken.
    AlreadyExists,
    /// A valid request in the wrong state.
    FailedPrecondition,
    /// Another change was faster.
    Aborted,
    /// A limit was reached.
    ResourceExhausted,
    /// A dependency is unavailable; try again later.
    Unavailable,
    /// The call's deadline passed.
    DeadlineExceeded,
    /// A defect of Slipway.
    Internal,
}

impl Kind {
    pub fn disposition(self) -> Disposition {
        match self {
            Self::Unavailable
            | Self::Aborted
            | Self::DeadlineExceeded
            | Self::ResourceExhausted
            | Self::Internal => Disposition::Retry,
            Self::AlreadyExists => Disposition::Ack,
            Self::InvalidArgument
            | Self::Unauthenticated
            | Self::PermissionDenied
            | Self::NotFound
            | Self::FailedPrecondition => Disposition::DeadLetter,
        }
    }
}

/// The closed list of `ErrorInfo.reason`. `proto/slipway/fault/v1/reason.proto` says when each is
/// returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    FieldInvalid,
    ReferenceMalformed,
    PackageLineRefused,
    SpecTooLarge,
    SpecEmpty,
    PageTokenInvalid,
    RequestIdReused,
    CursorInvalid,
    TokenMissing,
    TokenMalformed,
    TokenExpired,
    TokenAudience,
    TokenIssuer,
    TokenNotYetValid,
    TokenSignature,
    RoleMissing,
    ServiceOnly,
    ImageNotFound,
    RevisionNotFound,
    BuildNotFound,
    GroupNotFound,
    UserNotFound,
    GrantNotFound,
    ObjectNotFound,
    NameTaken,
    ReferenceMissing,
    ReferenceDenied,
    ReferenceMissingOrDenied,
    GpuReferenceNotUniversal,
    PullSecretNotYetSupported,
    CondaNotYetSupported,
    UniversalBuildNotYetSupported,
    SourceKindFixed,
    NotReady,
    AcceleratorMismatch,
    PlatformMismatch,
    DigestUnknown,
    BuildPastCancel,
    NothingToRetry,
    LastAdmin,
    GrantRegistered,
    EtagMismatch,
    Conflict,
    QueueFull,
    TooManyCalls,
    DatabaseUnavailable,
    PermissionUnavailable,
    CatalogUnavailable,
    BrokerUnavailable,
    RegistryUnreachable,
    DependencyFailed,
    AccessStale,
    ShuttingDown,
    DeadlineExceeded,
    Internal,
}

impl Reason {
    pub fn kind(self) -> Kind {
        match self {
            Self::FieldInvalid
            | Self::ReferenceMalformed
            | Self::PackageLineRefused
            | Self::SpecTooLarge
            | Self::SpecEmpty
            | Self::PageTokenInvalid
            | Self::RequestIdReused
            | Self::CursorInvalid => Kind::InvalidArgument,
            Self::TokenMissing
            | Self::TokenMalformed
            | Self::TokenExpired
            | Self::TokenAudience
            | Self::TokenIssuer
            | Self::TokenNotYetValid
            | Self::TokenSignature => Kind::Unauthenticated,
            Self::RoleMissing | Self::ServiceOnly => Kind::PermissionDenied,
            Self::ImageNotFound
            | Self::RevisionNotFound
            | Self::BuildNotFound
            | Self::GroupNotFound
            | Self::UserNotFound
            | Self::GrantNotFound
            | Self::ObjectNotFound => Kind::NotFound,
            Self::NameTaken => Kind::AlreadyExists,
            Self::ReferenceMissing
            | Self::ReferenceDenied
            | Self::ReferenceMissingOrDenied
            | Self::GpuReferenceNotUniversal
            | Self::PullSecretNotYetSupported
            | Self::CondaNotYetSupported
            | Self::UniversalBuildNotYetSupported
            | Self::SourceKindFixed
            | Self::NotReady
            | Self::AcceleratorMismatch
            | Self::PlatformMismatch
            | Self::DigestUnknown
            | Self::BuildPastCancel
            | Self::NothingToRetry
            | Self::LastAdmin
            | Self::GrantRegistered => Kind::FailedPrecondition,
            Self::EtagMismatch | Self::Conflict => Kind::Aborted,
            Self::QueueFull | Self::TooManyCalls => Kind::ResourceExhausted,
            Self::DatabaseUnavailable
            | Self::PermissionUnavailable
            | Self::CatalogUnavailable
            | Self::BrokerUnavailable
            | Self::RegistryUnreachable
            | Self::DependencyFailed
            | Self::AccessStale
            | Self::ShuttingDown => Kind::Unavailable,
            Self::DeadlineExceeded => Kind::DeadlineExceeded,
            Self::Internal => Kind::Internal,
        }
    }

    /// The text of `ErrorInfo.reason`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use slipway_testrig::proto_enum;
    use tonic::Code;

    use super::*;

    #[test]
    fn published_reasons_are_those_of_the_code() {
        let published = proto_enum::values("slipway.fault.v1", "Reason");
        let published: BTreeSet<(String, String)> = published
            .into_iter()
            .map(|value| (value.name, value.heading.replace('_', "")))
            .collect();

        let of_code = Reason::VARIANTS.iter().map(|reason| {
            let code = format!("{:?}", Code::from(reason.kind()));
            (reason.as_str().to_owned(), code.to_uppercase())
        });
        assert_eq!(of_code.collect::<BTreeSet<_>>(), published);
    }

    #[test]
    fn readme_of_the_protos_lists_every_reason() {
        let published = proto_enum::values("slipway.fault.v1", "Reason");
        proto_enum::check_table(include_str!("../../../proto/README.md"), &published);
    }

    #[test]
    fn reason_parses_from_its_text() {
        for reason in Reason::VARIANTS {
            assert_eq!(reason.as_str().parse(), Ok(*reason));
        }
    }
}
