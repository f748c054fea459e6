//! `slipway image resolve`

use clap::{Args, ValueEnum};
use slipway_wire::catalog::v1::{Accelerator, ResolveImageRequest};

use crate::{failure::Failure, output::Output, session::Session};

#[derive(Args)]
pub(crate) struct Resolve {
    /// Image: its id or `<owner>/<name>`.
    image: String,
    /// Accelerator of the node.
    #[arg(long, value_enum, default_value = "cpu")]
    accelerator: AcceleratorFlag,
    /// Platform of the node as `os/architecture`; linux/amd64 if omitted.
    #[arg(long, default_value = "", hide_default_value = true)]
    platform: String,
    /// Id of the notebook, job or application that will run the image.
    #[arg(long, default_value = "", hide_default_value = true)]
    consumer: String,
    /// Revision to resolve; 0 for the active one.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    revision: i32,
}

#[derive(Clone, Copy, ValueEnum)]
enum AcceleratorFlag {
    Cpu,
    Gpu,
}

impl Resolve {
    pub(super) async fn run(self, session: &Session, output: &Output) -> Result<(), Failure> {
        let accelerator = match self.accelerator {
            AcceleratorFlag::Cpu => Accelerator::Cpu,
            AcceleratorFlag::Gpu => Accelerator::Gpu,
        };
        let request = ResolveImageRequest {
            image: self.image,
            accelerator: accelerator.into(),
            platform: self.platform,
            consumer: self.consumer,
            revision: self.revision,
            consistency_token: String::new(),
        };
        let response = session.images().resolve_image(request).await?.into_inner();

        let fields = [("reference", response.reference.clone()), ("note", response.note.clone())];
        output.write_message(&response, &fields)
    }
}
