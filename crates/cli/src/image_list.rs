//! `slipway image list`

use clap::Args;
use slipway_wire::catalog::v1::{ImageState, ImageType, ListImagesRequest, ListImagesResponse};

use crate::{
    failure::Failure,
    image::{Kind, kind_of, state_of},
    output::Output,
    pages, printer,
    session::Session,
};

#[derive(Args)]
pub(crate) struct List {
    /// `system` or a group.
    #[arg(long, default_value = "")]
    owner: String,
    /// Only this type.
    #[arg(long = "type", value_enum)]
    kind: Option<Kind>,
    /// Only this state: building, ready, failed or cancelled.
    #[arg(long)]
    state: Option<String>,
    /// Part of the name or display name.
    #[arg(long, default_value = "")]
    text: String,
    /// name, display_name, create_time or update_time, with ` desc` or not.
    #[arg(long, default_value = "")]
    order_by: String,
    /// One page of at most this many, instead of all; 0 for the service's own size.
    #[arg(long, allow_negative_numbers = true)]
    page_size: Option<i32>,
    /// One page, the one behind the page that gave this.
    #[arg(long)]
    page_token: Option<String>,
}

pub(crate) async fn run(list: List, session: &Session, output: &Output) -> Result<(), Failure> {
    let state = match list.state {
        None => ImageState::Unspecified,
        Some(text) => {
            let name = format!("IMAGE_STATE_{}", text.to_uppercase());
            ImageState::from_str_name(&name).ok_or_else(|| {
                Failure::usage(format!(
                    "`{text}` is no state; give building, ready, failed or cancelled"
                ))
            })?
        }
    };
    let is_one_page = list.page_size.is_some() || list.page_token.is_some();
    let request = ListImagesRequest {
        page_size: list.page_size.unwrap_or_default(),
        page_token: list.page_token.unwrap_or_default(),
        order_by: list.order_by,
        r#type: list.kind.map_or(ImageType::Unspecified, Kind::to_wire).into(),
        owner: list.owner,
        state: state.into(),
        text: list.text,
        consistency_token: String::new(),
    };
    let response = match is_one_page {
        true => session.images().list_images(request).await?.into_inner(),
        false => {
            everything(session, ListImagesRequest { page_size: pages::LARGE, ..request }).await?
        }
    };
    let rows = response.images.iter().map(|image| {
        vec![
            image.name.clone(),
            kind_of(image),
            state_of(image),
            image.display_name.clone(),
            image.active_revision.to_string(),
        ]
    });
    output.many(
        &response,
        &["NAME", "TYPE", "STATE", "DISPLAY NAME", "REVISION"],
        rows.collect(),
    )?;
    if !response.next_page_token.is_empty() {
        printer::tell(&format!(
            "{} in all; the next page: --page-token {}",
            response.total_size, response.next_page_token
        ));
    }
    Ok(())
}

async fn everything(
    session: &Session,
    request: ListImagesRequest,
) -> Result<ListImagesResponse, Failure> {
    let images = pages::all(async |page_token: String| -> Result<_, Failure> {
        let response = session
            .images()
            .list_images(ListImagesRequest { page_token, ..request.clone() })
            .await?
            .into_inner();
        Ok((response.images, response.next_page_token))
    })
    .await?;
    let total_size = i32::try_from(images.len()).unwrap_or(i32::MAX);
    Ok(ListImagesResponse { images, next_page_token: String::new(), total_size })
}
