#![doc = include_str!("../README.md")]
#![allow(missing_docs, clippy::all, clippy::pedantic, rustdoc::all, reason = "generated code")]

/// Encoded `FileDescriptorSet` of everything below, for reflection.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));

macro_rules! package {
    ($($service:ident),*) => {$(
        pub mod $service {
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/slipway.", stringify!($service), ".v1.rs"));
                include!(concat!(env!("OUT_DIR"), "/slipway.", stringify!($service), ".v1.serde.rs"));
            }
        }
    )*};
}

package!(catalog, permission, builder, event);
