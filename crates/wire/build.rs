//! Compiles `proto/` to prost, tonic and proto3-JSON code and keeps the descriptor set for
//! reflection.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use protox::{Compiler, prost::Message as _};

/// Packages whose enums may have words that this version does not know.
const TOLERANT: &str = ".slipway.builder";

fn main() -> Result<(), Box<dyn Error>> {
    // Read at run time, not with `env!`: another clone may share the build cache with this program.
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());

    let mut files = Vec::new();
    collect_protos(&root, &mut files)?;
    files.sort();

    let mut compiler = Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    let encoded = compiler.encode_file_descriptor_set();
    let output = PathBuf::from(std::env::var("OUT_DIR")?);
    fs::write(output.join("descriptor.bin"), &encoded)?;

    tonic_prost_build::configure()
        .compile_well_known_types(true)
        .extern_path(".google.protobuf", "::pbjson_types")
        .compile_fds(prost_types::FileDescriptorSet::decode(encoded.as_slice())?)?;
    generate_json(&encoded)?;

    Ok(())
}

/// Requests come from people, so an unknown word in them is refused. The enums of the builder come
/// in events, from a service that may be newer: an unknown word of theirs is UNSPECIFIED.
fn generate_json(descriptors: &[u8]) -> Result<(), Box<dyn Error>> {
    let mut strict = pbjson_build::Builder::new();
    strict.register_descriptors(descriptors)?.emit_fields().exclude([TOLERANT]);
    strict.build(&[".slipway"])?;

    let mut tolerant = pbjson_build::Builder::new();
    tolerant.register_descriptors(descriptors)?.emit_fields().ignore_unknown_enum_variants();
    tolerant.build(&[TOLERANT])?;

    Ok(())
}

fn collect_protos(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect_protos(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }

    Ok(())
}
