-- From then on a token is the only password they have, and TLS the only way to say it.
alter user tickfold_readonly identified with AWSAuthenticationPlugin as 'RDS'
    require ssl account unlock;
alter user tickfold_writer identified with AWSAuthenticationPlugin as 'RDS'
    require ssl account unlock;
