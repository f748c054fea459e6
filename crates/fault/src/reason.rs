//! Reasons, their kinds, and what a kind means to a caller and to a queue.

/// What a message handler does with a delivery whose handling failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Done; it changes nothing more.
    Ack,
    /// Keep the delivery and try it again when the dependency is back.
    Retry,
    /// Can never work.
    DeadLetter,
}

/// Canonical kinds (google.rpc.Code).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request itself is wrong.
    InvalidArgument,
    /// Who calls is not known.
    Unauthenticated,
    /// Seen, but not allowed.
    PermissionDenied,
    /// Absent, or not visible to the caller.
    NotFound,
    /// The name is taken.
    AlreadyExists,
    /// Right request, wrong state.
    FailedPrecondition,
    /// Lost an update race.
    Aborted,
    /// A limit was reached.
    ResourceExhausted,
    /// Try again later.
    Unavailable,
    /// Out of time.
    DeadlineExceeded,
    /// Our fault.
    Internal,
}

impl Kind {
    /// What a queue does with it.
    pub fn disposition(self) -> Disposition {
        match self {
            Self::Unavailable
            | Self::Aborted
            | Self::DeadlineExceeded
            | Self::ResourceExhausted
            | Self::Internal => Disposition::Retry,
            Self::AlreadyExists => Disposition::Ack,
            _ => Disposition::DeadLetter,
        }
    }
}

macro_rules! reasons {
    ($($kind:ident { $($name:ident $text:literal $doc:literal,)* })*) => {
        /// The closed list of `ErrorInfo.reason`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {$($(#[doc = $doc] $name,)*)*}

        impl Reason {
            /// All, in the order of the documentation.
            pub const ALL: &[Self] = &[$($(Self::$name,)*)*];

            /// The kind that it belongs to.
            pub fn kind(self) -> Kind {
                match self {$($(Self::$name => Kind::$kind,)*)*}
            }

            /// As it stands on the wire.
            pub fn as_str(self) -> &'static str {
                match self {$($(Self::$name => $text,)*)*}
            }

            /// One sentence for callers.
            pub fn description(self) -> &'static str {
                match self {$($(Self::$name => $doc,)*)*}
            }
        }
    };
}

reasons! {
    InvalidArgument {
        FieldInvalid "FIELD_INVALID" "A field breaks its rule; the violations name each.",
        ReferenceMalformed "REFERENCE_MALFORMED" "An image reference is malformed.",
        PackageLineRefused "PACKAGE_LINE_REFUSED" "A package line is outside its manager's grammar; one violation per line.",
        SpecTooLarge "SPEC_TOO_LARGE" "A spec has more than 1,000 lines for a manager or more than 64 KiB.",
        SpecEmpty "SPEC_EMPTY" "A spec has no package line.",
        PageTokenInvalid "PAGE_TOKEN_INVALID" "The page token is not from this caller, filter and order.",
        RequestIdReused "REQUEST_ID_REUSED" "The request id was used with another body.",
        CursorInvalid "CURSOR_INVALID" "The log cursor is not one that this build gave out.",
    }
    Unauthenticated {
        TokenMissing "TOKEN_MISSING" "No bearer token came with the call.",
        TokenMalformed "TOKEN_MALFORMED" "The bearer token is not a JWT that can be read.",
        TokenExpired "TOKEN_EXPIRED" "The bearer token has expired.",
        TokenAudience "TOKEN_AUDIENCE" "The bearer token was made for another audience.",
        TokenIssuer "TOKEN_ISSUER" "The bearer token's issuer is not configured here.",
        TokenNotYetValid "TOKEN_NOT_YET_VALID" "The bearer token's time has not begun; clocks differ.",
        TokenSignature "TOKEN_SIGNATURE" "The bearer token's signature or key does not fit its issuer.",
    }
    PermissionDenied {
        RoleMissing "ROLE_MISSING" "The caller sees the object but lacks the role for this.",
        ServiceOnly "SERVICE_ONLY" "Only service identities may call this.",
    }
    NotFound {
        ImageNotFound "IMAGE_NOT_FOUND" "No such image, or none that the caller may see.",
        RevisionNotFound "REVISION_NOT_FOUND" "The image has no revision of this number.",
        BuildNotFound "BUILD_NOT_FOUND" "No such build, or none that the caller may see.",
        GroupNotFound "GROUP_NOT_FOUND" "No such group, or none that the caller may see.",
        UserNotFound "USER_NOT_FOUND" "No such user.",
        GrantNotFound "GRANT_NOT_FOUND" "No such grant, or none that the caller may see.",
        ObjectNotFound "OBJECT_NOT_FOUND" "No such object, or none that the caller may see.",
    }
    AlreadyExists {
        NameTaken "NAME_TAKEN" "The owner has something of this name already.",
    }
    FailedPrecondition {
        ReferenceMissing "REFERENCE_MISSING" "The registry has no such reference.",
        ReferenceDenied "REFERENCE_DENIED" "The registry denied access to the reference.",
        ReferenceMissingOrDenied "REFERENCE_MISSING_OR_DENIED" "The registry hides whether the reference is missing or denied.",
        GpuReferenceNotUniversal "GPU_REFERENCE_NOT_UNIVERSAL" "Only UNIVERSAL images have a GPU reference or base.",
        PullSecretNotYetSupported "PULL_SECRET_NOT_YET_SUPPORTED" "Pull secrets come with a later release.",
        CondaNotYetSupported "CONDA_NOT_YET_SUPPORTED" "conda lines are parsed, but cannot be built yet.",
        UniversalBuildNotYetSupported "UNIVERSAL_BUILD_NOT_YET_SUPPORTED" "A custom UNIVERSAL image with a second base cannot be built yet.",
        SourceKindFixed "SOURCE_KIND_FIXED" "An existing image stays existing, a custom one custom.",
        NotReady "NOT_READY" "The image has no READY revision yet; the metadata names the build.",
        AcceleratorMismatch "ACCELERATOR_MISMATCH" "The image does not run on this accelerator.",
        PlatformMismatch "PLATFORM_MISMATCH" "The image was not made for this platform.",
        DigestUnknown "DIGEST_UNKNOWN" "Verification was skipped, so no digest is known.",
        BuildPastCancel "BUILD_PAST_CANCEL" "The build has passed the push gate or has ended; it can no longer be cancelled.",
        NothingToRetry "NOTHING_TO_RETRY" "Only a failed or cancelled revision can be tried again.",
        LastAdmin "LAST_ADMIN" "The last platform admin cannot be removed.",
        GrantRegistered "GRANT_REGISTERED" "The grant belongs to its object's registration; the metadata names the call that changes it.",
    }
    Aborted {
        EtagMismatch "ETAG_MISMATCH" "Somebody else changed it since it was read; read again.",
        Conflict "CONFLICT" "Two changes met; try again.",
    }
    ResourceExhausted {
        QueueFull "QUEUE_FULL" "The owner has as many builds waiting as its limit allows.",
        TooManyCalls "TOO_MANY_CALLS" "More calls at once than the limit allows.",
    }
    Unavailable {
        DatabaseUnavailable "DATABASE_UNAVAILABLE" "The service's database cannot be reached.",
        PermissionUnavailable "PERMISSION_UNAVAILABLE" "The permission service cannot be reached; nothing was changed.",
        CatalogUnavailable "CATALOG_UNAVAILABLE" "The catalog cannot be reached.",
        BrokerUnavailable "BROKER_UNAVAILABLE" "The message broker cannot be reached.",
        RegistryUnreachable "REGISTRY_UNREACHABLE" "The registry cannot be reached.",
        AccessStale "ACCESS_STALE" "The projection of grants is too old to hand out power.",
        ShuttingDown "SHUTTING_DOWN" "The process is stopping; another replica answers.",
    }
    DeadlineExceeded {
        DeadlineExceeded "DEADLINE_EXCEEDED" "The call's time ran out.",
    }
    Internal {
        Internal "INTERNAL" "Slipway's own fault; the log has the request id.",
    }
}

impl Reason {
    /// The reason of this text, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == text)
    }
}
