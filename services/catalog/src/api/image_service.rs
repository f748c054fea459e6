//! ImageService.

use aws_lc_rs::digest::{SHA256, digest};
use prost::Message;
use slipway_fault::Fault;
use slipway_identity::{Caller, caller};
use slipway_names::{platform::Platform, reference::Reference};
use slipway_outbox::idempotency::Key;
use slipway_paging::Page;
use slipway_wire::catalog::v1::{self as wire, image_service_server::ImageService};
use tonic::{Request, Response, Status};

use crate::{
    api::{
        Api,
        convert::{
            accelerator, access, custom, existing, image_state, image_to_wire, image_type,
            revision_to_wire,
        },
    },
    app::{CreateImage, request_key},
    domain::image::Image,
    store::{Filter, Order, keys},
};

#[tonic::async_trait]
impl ImageService for Api {
    async fn create_image(
        &self,
        request: Request<wire::CreateImageRequest>,
    ) -> Result<Response<wire::CreateImageResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let key = key_of(&caller, "CreateImage", &request.request_id, &request)?;
        let source = match request
            .source
            .ok_or_else(|| Fault::field("source", "is missing; give `existing` or `custom`"))?
        {
            wire::create_image_request::Source::Existing(source) => existing(source)?,
            wire::create_image_request::Source::Custom(source) => custom(source)?,
        };
        let create = CreateImage {
            owner: request.owner,
            name: request.name,
            display_name: request.display_name,
            description: request.description,
            kind: image_type(request.r#type)?.ok_or_else(|| {
                Fault::field(
                    "type",
                    "must be IMAGE_TYPE_CPU, IMAGE_TYPE_GPU or IMAGE_TYPE_UNIVERSAL",
                )
            })?,
            access: access(request.access)?,
            source,
        };
        let (image, revision) = self.app.create_image(&caller, create, key).await?;
        let consistency_token = image.access_revision.to_string();
        let image = image_to_wire(&image, Some(&revision));
        Ok(Response::new(wire::CreateImageResponse {
            image: Some(image),
            revision: Some(revision_to_wire(&revision)),
            consistency_token,
        }))
    }

    async fn get_image(
        &self,
        request: Request<wire::GetImageRequest>,
    ) -> Result<Response<wire::GetImageResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        self.app.wait_for(&request.consistency_token).await?;
        let image = self.app.image(&caller, &request.image).await?;
        let active = self.app.active_revision(&image).await?;
        Ok(Response::new(wire::GetImageResponse {
            image: self.with_latest(vec![image]).await?.pop(),
            active_revision: active.as_ref().map(revision_to_wire),
        }))
    }

    async fn list_images(
        &self,
        request: Request<wire::ListImagesRequest>,
    ) -> Result<Response<wire::ListImagesResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let user = caller.require_user()?.id.to_string();
        let order = Order::parse(&request.order_by)
            .ok_or_else(|| Fault::field("order_by", "must be name, display_name, create_time or update_time, with ` desc` behind it or not"))?;
        if request.text.chars().count() > 200 || request.text.contains('\0') {
            return Err(Fault::field("text", "has more than 200 characters, or a NUL").into());
        }
        if request.owner.contains('\0') {
            return Err(Fault::field("owner", "has a NUL").into());
        }
        let filter = Filter {
            kind: image_type(request.r#type)?,
            owner: request.owner,
            state: image_state(request.state)?,
            text: request.text,
        };
        let binding = [user.as_str(), "images", &format!("{filter:?}{order:?}")];
        let page = Page::parse(request.page_size, &request.page_token, &binding, 2)?;
        self.app.wait_for(&request.consistency_token).await?;
        let (mut images, total_size) = self.app.images(&caller, &filter, order, &page).await?;
        let next_page_token = page.cut(&mut images, |image| keys(image, order));
        Ok(Response::new(wire::ListImagesResponse {
            images: self.with_latest(images).await?,
            next_page_token,
            total_size,
        }))
    }

    async fn set_image_access(
        &self,
        request: Request<wire::SetImageAccessRequest>,
    ) -> Result<Response<wire::SetImageAccessResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let access = access(request.access)?;
        self.app.wait_for(&request.consistency_token).await?;
        let image = self.app.set_access(&caller, &request.image, access, &request.etag).await?;
        let consistency_token = image.access_revision.to_string();
        Ok(Response::new(wire::SetImageAccessResponse {
            image: self.with_latest(vec![image]).await?.pop(),
            consistency_token,
        }))
    }

    async fn create_revision(
        &self,
        request: Request<wire::CreateRevisionRequest>,
    ) -> Result<Response<wire::CreateRevisionResponse>, Status> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let token = std::mem::take(&mut request.consistency_token);
        let key = key_of(&caller, "CreateRevision", &request.request_id, &request)?;
        let source = match request
            .source
            .ok_or_else(|| Fault::field("source", "is missing; give `existing` or `custom`"))?
        {
            wire::create_revision_request::Source::Existing(source) => existing(source)?,
            wire::create_revision_request::Source::Custom(source) => custom(source)?,
        };
        self.app.wait_for(&token).await?;
        let (image, revision) =
            self.app.create_revision(&caller, &request.image, source, key).await?;
        let consistency_token = image.access_revision.to_string();
        Ok(Response::new(wire::CreateRevisionResponse {
            revision: Some(revision_to_wire(&revision)),
            consistency_token,
        }))
    }

    async fn retry_revision(
        &self,
        request: Request<wire::RetryRevisionRequest>,
    ) -> Result<Response<wire::RetryRevisionResponse>, Status> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let token = std::mem::take(&mut request.consistency_token);
        let key = key_of(&caller, "RetryRevision", &request.request_id, &request)?;
        self.app.wait_for(&token).await?;
        let (image, revision) =
            self.app.retry_revision(&caller, &request.image, request.revision, key).await?;
        let consistency_token = image.access_revision.to_string();
        Ok(Response::new(wire::RetryRevisionResponse {
            revision: Some(revision_to_wire(&revision)),
            consistency_token,
        }))
    }

    async fn list_revisions(
        &self,
        request: Request<wire::ListRevisionsRequest>,
    ) -> Result<Response<wire::ListRevisionsResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let user = caller.require_user()?.id.to_string();
        let page = Page::parse(
            request.page_size,
            &request.page_token,
            &[&user, "revisions", &request.image],
            1,
        )?;
        let mut revisions = self.app.revisions(&caller, &request.image, &page).await?;
        let next_page_token =
            page.cut(&mut revisions, |revision| vec![revision.number.to_string()]);
        Ok(Response::new(wire::ListRevisionsResponse {
            revisions: revisions.iter().map(revision_to_wire).collect(),
            next_page_token,
        }))
    }

    async fn resolve_image(
        &self,
        request: Request<wire::ResolveImageRequest>,
    ) -> Result<Response<wire::ResolveImageResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let platform = match request.platform.as_str() {
            "" => Platform::linux_amd64(),
            text => text.parse().map_err(|error| Fault::field("platform", error))?,
        };
        if request.revision < 0 {
            return Err(Fault::field("revision", "is negative; give 0 for the active one").into());
        }
        self.app.wait_for(&request.consistency_token).await?;
        let resolved = self
            .app
            .resolve(
                &caller,
                &request.image,
                request.revision,
                accelerator(request.accelerator)?,
                platform.as_str(),
            )
            .await?;
        let artifact = resolved.choice.artifact;
        let reference: Reference = artifact.reference.parse().map_err(Fault::internal)?;
        let digest = artifact.digest.parse().map_err(Fault::internal)?;
        Ok(Response::new(wire::ResolveImageResponse {
            reference: reference.at(&digest).to_string(),
            registry: reference.registry().to_owned(),
            digest: artifact.digest,
            revision: resolved.revision,
            note: resolved.choice.note,
        }))
    }
}

impl Api {
    /// Images with the latest build of each, by one statement more for all.
    async fn with_latest(&self, images: Vec<Image>) -> Result<Vec<wire::Image>, Fault> {
        let latest = self.app.latest_revisions(&images).await?;
        Ok(images
            .iter()
            .map(|image| {
                image_to_wire(image, latest.iter().find(|revision| revision.image == image.id))
            })
            .collect())
    }
}

/// Bound to the RPC and the whole request but its consistency token, which is not part of what is asked for.
fn key_of(
    caller: &Caller,
    rpc: &str,
    request_id: &str,
    request: &impl Message,
) -> Result<Option<Key>, Fault> {
    let bytes = [rpc.as_bytes(), &request.encode_to_vec()].concat();
    let hash = digest(&SHA256, &bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    request_key(caller, request_id, hash)
}
