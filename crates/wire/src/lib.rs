#![doc = include_str!("../README.md")]
#![allow(missing_docs, clippy::all, clippy::pedantic, rustdoc::all, reason = "generated code")]

/// Encoded `FileDescriptorSet` of all protos, for reflection.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));

macro_rules! packages {
    ($($name:ident),*) => {$(
        pub mod $name {
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/slipway.", stringify!($name), ".v1.rs"));
                include!(concat!(env!("OUT_DIR"), "/slipway.", stringify!($name), ".v1.serde.rs"));
            }
        }
    )*};
}

packages!(catalog, permission, builder, event, fault);
