# Responses to ordinary calls are passed unchanged, with the upstream's URLs in
# _pagination.next_page; sub_filter of nginx rewrites them, as shown in
# docs/http-api.md.

use strict;
use warnings;

use Test::More;

use Reauth::Test redis => 0;

my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';

plan skip_all => 'this nginx has no sub_filter'
    if `$nginx -V 2>&1` !~ /http_sub_module/;

my ($shown) = Reauth::Test::slurp('docs/http-api.md')
    =~ /^(proxy_set_header +Accept-Encoding.*?)^```/ms
    or die "docs/http-api.md shows no sub_filter\n";

my $plain   = gateway(name => 'plain');
my $gateway = gateway(config => <<"EOC");
location /api/ {
    reauth_gate on;
    proxy_pass http://fans_api;
    proxy_set_header Authorization \$reauth_authorization;
    $shown
}
EOC

like($plain->http('GET', '/api/acct_1/chats')->{json}{_pagination}{next_page},
    qr{\Ahttps://(?:app\.onlyfansapi|api\.fansapi)\.com/api/acct_1/chats\?},
    "next_page has the upstream's host without sub_filter");

# the sandbox alternates between its two hosts
my $next = '/api/acct_1/chats';

for my $page (1 .. 4) {
    my $answer = $gateway->http('GET', $next, { Host => 'gateway:81' });

    is($answer->{status}, 200, "page $page is returned");
    like($answer->{json}{_pagination}{next_page},
        qr{\Ahttp://gateway:81/api/acct_1/chats\?offset=${page}0\z},
        "page $page: the next one is here, too");
    ($next) = $answer->{json}{_pagination}{next_page} =~ m{(/api/.*)};
}

done_testing();
