# What the machine of ingest is told at its first start: files, units and the order of things, as one
# cloud-init document. It makes nothing: ingest.tf does.

terraform {
  required_version = ">= 1.10"
}

locals {
  etc = "/etc/tickfold"
  # Scripts of ours, which units and nobody else start.
  lib = "/usr/local/lib/tickfold"
  # The disk that outlives the machine.
  data = "/var/lib/tickfold"

  units = var.local_kafka ? ["prepare", "kafka", "vector", "ingest"] : ["prepare", "vector", "ingest"]

  # What templates are filled with.
  words = {
    etc       = local.etc
    lib       = local.lib
    data      = local.data
    device    = var.local_kafka ? "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${replace(var.volume_id, "-", "")}" : ""
    images    = var.images
    region    = var.region
    registry  = split("/", var.images.ingest)[0]
    log_group = var.log_group
    brokers   = var.brokers
    bucket    = var.bucket
    partition = var.partition
    kafka     = var.local_kafka
    topics    = var.topics
    feeds     = var.feeds
    books     = var.books
    spreads   = var.spreads
    live_port = var.live_port
    s3        = "https://s3.${var.region}.${var.dns_suffix}"
    security  = var.local_kafka ? "plaintext" : "msk-iam"
  }

  # MSK takes Vector's connections with TLS; beside it Kafka needs none.
  vector        = yamldecode(file("${path.module}/../../vector/vector.yaml"))
  vector_source = merge(local.vector.sources.lines, { tls = { enabled = true } })
  vector_msk    = yamlencode(merge(local.vector, { sources = merge(local.vector.sources, { lines = local.vector_source }) }))

  files = merge(
    {
      "${local.etc}/vector/vector.yaml" = var.local_kafka ? file("${path.module}/../../vector/vector.yaml") : local.vector_msk
      "${local.etc}/vector/aws.yaml"    = file("${path.module}/../../vector/aws.yaml")
      "${local.etc}/vector.env"         = templatefile("${path.module}/vector.env.tftpl", local.words)
      "${local.etc}/ingest.env"         = templatefile("${path.module}/ingest.env.tftpl", local.words)
      "${local.etc}/ingest.toml"        = templatefile("${path.module}/ingest.toml.tftpl", local.words)
      "${local.lib}/prepare"            = templatefile("${path.module}/prepare.tftpl", local.words)
      "${local.lib}/pull"               = templatefile("${path.module}/pull.tftpl", local.words)
    },
    var.local_kafka ? {
      "${local.etc}/kafka/server.properties" = templatefile("${path.module}/server.properties.tftpl", local.words)
      "${local.lib}/topics"                  = templatefile("${path.module}/topics.tftpl", local.words)
    } : {},
    {
      for unit in local.units : "/etc/systemd/system/tickfold-${unit}.service" =>
      templatefile("${path.module}/tickfold-${unit}.service.tftpl", local.words)
    },
  )

  cloud_config = {
    write_files = [for path, content in local.files : {
      path        = path
      content     = content
      permissions = startswith(path, local.lib) ? "0755" : "0644"
    }]
    runcmd = [
      ["systemctl", "daemon-reload"],
      # Not waited for: the first start loads images, and cloud-init has nothing left to do.
      concat(["systemctl", "enable", "--now", "--no-block"], [for unit in local.units : "tickfold-${unit}.service"]),
    ]
  }
}

output "user_data" {
  description = "What cloud-init reads."
  value       = "#cloud-config\n${yamlencode(local.cloud_config)}"
}
