# Every metric that the gateway has is described in docs/http-api.md, with every
# value of its label.

use strict;
use warnings;

use Test::More;

use Reauth::Test;

my $gateway = gateway(config => 'location = /reauth/metrics { reauth_metrics; }');
my $docs    = Reauth::Test::slurp('docs/http-api.md');
my $text    = $gateway->http('GET', '/reauth/metrics')->{body};

my @names = $text =~ /^# TYPE (\w+)/mg;
cmp_ok(scalar @names, '>', 15, 'there are metrics');

my @missing = grep { $docs !~ /`$_(?:\{\w+\})?`/ } @names;
is("@missing", '', 'each is described');

# states, operations, kinds and limits are described elsewhere

my $closed = qr/updates|gate_calls|webhooks|callers_refused|dropped_fields|polls/;
my @values;

while ($text =~ /^reauth_$closed\w*\{\w+="(\w+)"\}/mg) {
    push @values, $1;
}

cmp_ok(scalar @values, '>', 20, 'there are values of labels');
@missing = grep { $docs !~ /`$_`/ } @values;
is("@missing", '', 'each is described');

done_testing();
