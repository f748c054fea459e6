//! Who may read an image.

use slipway_fault::{Fault, Reason};
use slipway_identity::Caller;
use slipway_names::grant::Role;

use crate::{
    app::{App, create::registration},
    domain::image::{Access, Image},
};

impl App {
    /// Replaces the access: first at permission, then here with the revision from which it holds.
    pub async fn set_access(&self, caller: &Caller, id_or_name: &str, access: Access, etag: &str) -> Result<Image, Fault> {
        let image = self.image_for(caller, id_or_name, Role::Manager).await?;
        if !etag.is_empty() && etag != image.edits.to_string() {
            return Err(Fault::new(Reason::EtagMismatch, "somebody else changed the image since you read it; read it again")
                .violation("etag", "is not the current one"));
        }
        let edited = Image { access: access.clone(), ..image };
        let revision = self.authorizer.register(registration(&edited)).await?;
        self.store.set_access(edited.id, &access, revision, edited.edits).await
    }
}
