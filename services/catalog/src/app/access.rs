//! Who may read an image.

use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::grant::Role;

use crate::{
    app::{
        App,
        create::{is_refusal, registration},
    },
    domain::image::{Access, Image},
};

impl App {
    /// Replaces the access: wanted here, registered at permission, then held here from its revision on. What is cut off, the reconciler finishes.
    pub async fn set_access(&self, caller: &Caller, id_or_name: &str, access: Access, etag: &str) -> Result<Image, Fault> {
        let (image, _) = self.image_for(caller, id_or_name, Role::Manager).await?;
        if !etag.is_empty() && etag != image.edits.to_string() {
            return Err(Fault::new(Reason::EtagMismatch, "somebody else changed the image since you read it; read it again")
                .violation("etag", "is not the current one"));
        }
        self.store.want_access(image.id, &access, image.edits).await?;
        let edited = Image { access, ..image };
        match self.authorizer.register(registration(&edited)).await {
            Ok(revision) => self.store.finish_access(edited.id, revision).await,
            Err(fault) => {
                if is_refusal(&fault) {
                    self.store.drop_wanted_access(edited.id).await?;
                }
                Err(fault)
            }
        }
    }
}
