package Sandbox::Validation;

# Copyright (C) the nginx-reauth authors
#
# The checks of the upstream and their texts.  Only documented names are known:
# x_bc and userAgent count as missing, so that a gateway that does not convert
# aliases is noticed.

use v5.36;

use Exporter qw(import);

our @EXPORT_OK = qw(check_code check_credentials check_fansly check_start);

my %NEEDS = (
    email_password => [qw(email password)],
    raw_data       => [qw(auth_id cookies xbc user_agent)],
    mobile_app     => [],
);


sub check_credentials ($fields) {
    my $type = $fields->{auth_type} // 'email_password';

    return { auth_type => ['The selected auth type is invalid.'] }
        if ref $type || !$NEEDS{$type};

    return _check_fields($fields, $NEEDS{$type}, " when auth type is $type");
}


sub check_start ($fields) {
    my $errors = check_credentials($fields);

    if (_filled($fields->{proxyCountry}) && defined $fields->{customProxy}) {
        $errors->{proxyCountry} =
            ['The proxy country field prohibits custom proxy from being present.'];
    }

    return $errors;
}


sub check_fansly ($fields) {
    return _check_fields($fields, $NEEDS{email_password}, q{});
}


# One of the two is required; "selfie done" may also be the string "true".
sub check_code ($fields) {
    my $code   = _filled($fields->{code});
    my $selfie = _filled($fields->{selfie_verification_completed});

    my $other  = 'selfie verification completed';

    return { code => ["The code field is required when $other is not present."] }
        if !$code && !$selfie;

    return { code => ["The code field prohibits $other from being present."] }
        if $code && $selfie;

    return { code => ['The code field must be a string.'] } if ref $fields->{code};

    return {
        selfie_verification_completed => ["The $other field must be accepted."]
    } if $selfie && $fields->{selfie_verification_completed} !~ /\A(?:1|true)\z/;

    return {};
}


sub _check_fields ($fields, $names, $when) {
    my %errors;

    for my $name (@$names) {
        my $label = $name =~ tr/_/ /r;
        my $value = $fields->{$name};

        if (ref $value) {
            $errors{$name} = ["The $label field must be a string."];
        }
        elsif (!_filled($value)) {
            $errors{$name} = ["The $label field is required$when."];
        }
        elsif ($name eq 'email' && $value !~ /\A[^@\s]+@[^@\s]+\z/) {
            $errors{$name} = ['The email field must be a valid email address.'];
        }
    }

    return \%errors;
}


sub _filled ($value) {
    return defined $value && $value =~ /\S/ ? 1 : 0;
}

1;
