"""The models of the TF1 detection zoo by name, and the architecture that each one is. No TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ZooModel:
    """One download of the TF1 detection zoo.

    Attributes:
      name: as the zoo's list names it.
      dataset: what it was trained on.
      architecture: a key of the proofs (pipelines.architectures.proofs), whether or not it has one.
    """

    name: str
    dataset: str
    architecture: str


def _models(dataset: str, architectures: dict[str, str]) -> tuple[ZooModel, ...]:
    return tuple(ZooModel(name, dataset, architecture) for name, architecture in architectures.items())


_INCEPTION_RESNET = "faster_rcnn_inception_resnet_v2_atrous"

ZOO: tuple[ZooModel, ...] = (
    *_models(
        "COCO",
        {
            "ssd_mobilenet_v1_coco": "ssd_mobilenet_v1",
            "ssd_mobilenet_v1_0.75_depth_coco": "ssd_mobilenet_v1",
            "ssd_mobilenet_v1_quantized_coco": "ssd_mobilenet_v1",
            "ssd_mobilenet_v1_0.75_depth_quantized_coco": "ssd_mobilenet_v1",
            "ssd_mobilenet_v1_ppn_coco": "ssd_mobilenet_v1_ppn",
            "ssd_mobilenet_v1_fpn_coco": "ssd_mobilenet_v1_fpn",
            "ssd_resnet_50_fpn_coco": "ssd_resnet50_v1_fpn",
            "ssd_mobilenet_v2_coco": "ssd_mobilenet_v2",
            "ssd_mobilenet_v2_quantized_coco": "ssd_mobilenet_v2",
            "ssdlite_mobilenet_v2_coco": "ssdlite_mobilenet_v2",
            "ssd_inception_v2_coco": "ssd_inception_v2",
            "faster_rcnn_inception_v2_coco": "faster_rcnn_inception_v2",
            "faster_rcnn_resnet50_coco": "faster_rcnn_resnet50",
            "faster_rcnn_resnet50_lowproposals_coco": "faster_rcnn_resnet50",
            "rfcn_resnet101_coco": "rfcn_resnet101",
            "faster_rcnn_resnet101_coco": "faster_rcnn_resnet101",
            "faster_rcnn_resnet101_lowproposals_coco": "faster_rcnn_resnet101",
            "faster_rcnn_inception_resnet_v2_atrous_coco": _INCEPTION_RESNET,
            "faster_rcnn_inception_resnet_v2_atrous_lowproposals_coco": _INCEPTION_RESNET,
            "faster_rcnn_nas": "faster_rcnn_nas",
            "faster_rcnn_nas_lowproposals_coco": "faster_rcnn_nas",
            "mask_rcnn_inception_resnet_v2_atrous_coco": "mask_rcnn_inception_resnet_v2",
            "mask_rcnn_inception_v2_coco": "mask_rcnn_inception_v2",
            "mask_rcnn_resnet101_atrous_coco": "mask_rcnn_resnet101",
            "mask_rcnn_resnet50_atrous_coco": "mask_rcnn_resnet50",
            "ssd_mobiledet_cpu_coco": "ssdlite_mobiledet_cpu",
            "ssd_mobiledet_dsp_coco": "ssdlite_mobiledet_dsp",
            "ssd_mobiledet_edgetpu_coco": "ssdlite_mobiledet_edgetpu",
            "ssd_mobilenet_v2_mnasfpn_coco": "ssd_mobilenet_v2_mnasfpn",
            "ssd_mobilenet_v3_large_coco": "ssdlite_mobilenet_v3_large",
            "ssd_mobilenet_v3_small_coco": "ssdlite_mobilenet_v3_small",
            "ssd_mobilenet_edgetpu_coco": "ssdlite_mobilenet_edgetpu",
            "spaghettinet_edgetpu_s": "ssd_spaghettinet_s",
            "spaghettinet_edgetpu_m": "ssd_spaghettinet_m",
            "spaghettinet_edgetpu_l": "ssd_spaghettinet_l",
        },
    ),
    *_models("Kitti", {"faster_rcnn_resnet101_kitti": "faster_rcnn_resnet101"}),
    *_models(
        "Open Images",
        {
            "faster_rcnn_inception_resnet_v2_atrous_oidv2": _INCEPTION_RESNET,
            "faster_rcnn_inception_resnet_v2_atrous_lowproposals_oidv2": _INCEPTION_RESNET,
            "facessd_mobilenet_v2_quantized_open_image_v4": "ssd_mobilenet_v2",
            "faster_rcnn_inception_resnet_v2_atrous_oidv4": _INCEPTION_RESNET,
            "ssd_mobilenetv2_oidv4": "ssd_mobilenet_v2",
            "ssd_resnet_101_fpn_oidv4": "ssd_resnet101_v1_fpn",
        },
    ),
    *_models(
        "iNaturalist",
        {
            "faster_rcnn_resnet101_fgvc": "faster_rcnn_resnet101",
            "faster_rcnn_resnet50_fgvc": "faster_rcnn_resnet50",
        },
    ),
    *_models("AVA", {"faster_rcnn_resnet101_ava_v2.1": "faster_rcnn_resnet101"}),
    *_models(
        "Snapshot Serengeti",
        {
            "faster_rcnn_resnet101_snapshot_serengeti": "faster_rcnn_resnet101",
            "context_rcnn_resnet101_snapshot_serengeti": "context_rcnn_resnet101",
        },
    ),
)
