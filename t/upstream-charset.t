# X-Accel-Charset of the upstream has no effect: nginx would log any unknown
# charset as an error.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0;

my $gateway = gateway(log_level => 'info', config => <<'EOC');
charset utf-8;
charset_types application/json;
EOC

for my $header (qw(X-Accel-Charset X-Accel-Expires X-Accel-Limit-Rate
    X-Accel-Buffering X-Accel-Redirect))
{
    sandbox('POST', '/account/acct_1', { next => [ { method => 'GET',
        path => '/api/acct_1/x', status => 200, body => '{}',
        headers => { 'Content-Type' => 'application/json', 'X-Theirs' => 'yes',
            $header => $Reauth::Test::API_KEY } } ] });

    my $answer = $gateway->http('GET', '/api/acct_1/x');

    is($answer->{headers}{'x-theirs'}, 'yes',
        "$header: the response is passed");
    is($answer->{headers}{lc $header}, undef,
        "the header $header is not passed");
}

is(index($gateway->error_log, $Reauth::Test::API_KEY), -1,
    'the key is not logged');
unlike($gateway->error_log, qr/unknown charset/,
    'an unknown charset is not logged');

done_testing();
