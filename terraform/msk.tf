# MSK in the place of the Kafka beside ingest: two brokers in two zones. ingest logs in by IAM. Vector
# cannot, it has no such login: it comes by TLS without one, and only ingest's machine can connect.

locals {
  msk = var.stream == "msk" ? 1 : 0

  msk_brokers = {
    ingest = one(aws_msk_cluster.this[*].bootstrap_brokers_sasl_iam)
    vector = one(aws_msk_cluster.this[*].bootstrap_brokers_tls)
  }
  msk_ports = { for name, port in { iam = 9098, tls = 9094 } : name => port if local.msk == 1 }

  # Of ingest: it makes its topics, whose settings are the cluster's, and writes to them.
  msk_statements = [for cluster in aws_msk_cluster.this : {
    Sid    = "Cluster"
    Effect = "Allow"
    Action = [
      "kafka-cluster:Connect",
      "kafka-cluster:CreateTopic",
      "kafka-cluster:DescribeTopic",
      "kafka-cluster:WriteData",
      "kafka-cluster:WriteDataIdempotently",
    ]
    Resource = concat(
      [cluster.arn],
      [for topic in local.topics : "${replace(cluster.arn, ":cluster/", ":topic/")}/${topic}"],
    )
  }]
}

resource "aws_msk_configuration" "this" {
  count = local.msk

  name           = local.name
  description    = "Topics as tickfold wants them."
  kafka_versions = ["3.9.x"]

  # As terraform/ingest/topics.tftpl says, for whatever topic ingest makes.
  server_properties = join("\n", [
    "auto.create.topics.enable=true",
    "num.partitions=${var.kafka_partitions}",
    "default.replication.factor=2",
    "min.insync.replicas=1",
    "log.message.timestamp.type=LogAppendTime",
    "log.retention.ms=${var.kafka_retention_minutes * 60000}",
    "log.roll.ms=60000",
    "log.segment.bytes=67108864",
  ])
}

resource "aws_msk_cluster" "this" {
  #checkov:skip=CKV_AWS_80:The logs of the brokers are AWS's to read; what goes wrong shows as lag and as stalled lines.
  #checkov:skip=CKV_AWS_81:It is encrypted, with the key that AWS owns, and in transit.
  #checkov:skip=CKV_AWS_291:Neither broker has a public address.
  count = local.msk

  cluster_name           = local.name
  kafka_version          = "3.9.x"
  number_of_broker_nodes = 2

  broker_node_group_info {
    instance_type   = var.msk_machine
    client_subnets  = slice(local.private_subnet_ids, 0, 2)
    security_groups = [aws_security_group.msk[0].id]

    storage_info {
      ebs_storage_info {
        volume_size = var.kafka_gigabytes
      }
    }
  }

  configuration_info {
    arn      = aws_msk_configuration.this[0].arn
    revision = aws_msk_configuration.this[0].latest_revision
  }

  client_authentication {
    unauthenticated = true

    sasl {
      iam = true
    }
  }

  encryption_info {
    encryption_in_transit {
      client_broker = "TLS"
      in_cluster    = true
    }
  }
}

resource "aws_security_group" "msk" {
  count = local.msk

  name        = "${local.name}-msk"
  description = "MSK: takes connections of ingest's machine, opens none."
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${local.name}-msk" }
}

resource "aws_vpc_security_group_ingress_rule" "msk_from_ingest" {
  for_each = local.msk_ports

  security_group_id            = aws_security_group.msk[0].id
  description                  = each.key == "iam" ? "ingest, which logs in." : "Vector, which cannot."
  referenced_security_group_id = aws_security_group.ingest.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_vpc_security_group_egress_rule" "ingest_to_msk" {
  for_each = local.msk_ports

  security_group_id            = aws_security_group.ingest.id
  description                  = "MSK."
  referenced_security_group_id = aws_security_group.msk[0].id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}
